"""The table account; the notation is explained in `notation`."""

TEXT = """
table account accounts accountid name complete
include audit
include owner
include process
include money
include image
include sla
include address 1
include customer_address 1
include address 2
include customer_address 2
include industry
include contact_ways

lookup defaultpricelevelid > pricelevel
lookup masterid > account
lookup originatingleadid > lead
lookup parentaccountid > account
lookup preferredequipmentid > equipment
lookup preferredserviceid > service
lookup preferredsystemuserid > systemuser
lookup primarycontactid > contact
lookup territoryid > territory
lookup createdbyexternalparty > externalparty
lookup modifiedbyexternalparty > externalparty
lookup msdyn_accountkpiid > msdyn_accountkpiitem
lookup msdyn_billingaccount > account
lookup msdyn_preferredresource > bookableresource
lookup msdyn_salesaccelerationinsightid > msdyn_salesaccelerationinsight
lookup msdyn_segmentid > msdyn_segment
lookup msdyn_serviceterritory > territory

string accountnumber emailaddress1 emailaddress2 emailaddress3 fax ftpsiteurl name primarysatoriid
string primarytwitterid sic stockexchange telephone1 telephone2 telephone3 tickersymbol
string timespentbymeonemailandmeetings websiteurl yominame
memo description

choice accountcategorycode: 1 Preferred Customer; 2 Standard
choice accountclassificationcode: 1 Default Value
choice accountratingcode: 1 Default Value
choice businesstypecode: 1 Default Value
choice customersizecode: 1 Default Value
choice customertypecode: 1 Competitor; 2 Consultant; 3 Customer; 4 Investor; 5 Partner; 6
| Influencer; 7 Press; 8 Prospect; 9 Reseller; 10 Supplier; 11 Vendor; 12 Other
choice ownershipcode: 1 Public; 2 Private; 3 Subsidiary; 4 Other
choice paymenttermscode: 1 Net 30; 2 2% 10, Net 30; 3 Net 45; 4 Net 60
choice preferredappointmentdaycode: 0 Sunday; 1 Monday; 2 Tuesday; 3 Wednesday; 4 Thursday; 5
| Friday; 6 Saturday
choice preferredappointmenttimecode: 1 Morning; 2 Afternoon; 3 Evening
choice shippingmethodcode: 1 Default Value
choice territorycode: 1 Default Value
state statecode: 0 Active; 1 Inactive
status statuscode: 1 Active; 2 Inactive

boolean creditonhold isprivate marketingonly merged msdyn_gdproptout participatesinworkflow
datetime lastusedincampaign opendeals_date openrevenue_date
integer numberofemployees sharesoutstanding teamsfollowed opendeals opendeals_state
integer openrevenue_state
money aging30 aging30_base aging60 aging60_base aging90 aging90_base creditlimit creditlimit_base
money marketcap marketcap_base openrevenue openrevenue_base revenue revenue_base

N:1 slainvokedid_account_sla > sla slainvokedid
N:1 sla_account_sla > sla slaid
N:1 stageid_processstage > processstage stageid
1:N Account_ActivityPointers > activitypointer
1:N Account_Annotation > annotation
1:N Account_Appointments > appointment
1:N Account_CustomerAddress > customeraddress
1:N Account_Emails > email
1:N Account_Faxes > fax
1:N Account_Letters > letter
1:N Account_Phonecalls > phonecall
1:N Account_RecurringAppointmentMasters > recurringappointmentmaster
1:N Account_ServiceAppointments > serviceappointment
1:N Account_SocialActivities > socialactivity
1:N Account_Tasks > task
1:N account_activity_parties > activityparty
1:N account_connections1 > connection record1id
1:N account_connections2 > connection record2id
1:N account_customer_relationship_customer > customerrelationship
1:N account_master_account > account masterid
1:N account_parent_account > account parentaccountid
1:N contact_customer_accounts > contact
1:N contract_customer_accounts > contract
1:N incident_customer_accounts > incident
1:N invoice_customer_accounts > invoice
1:N lead_customer_accounts > lead customerid
1:N lead_parent_account > lead parentaccountid
1:N opportunity_customer_accounts > opportunity customerid
1:N opportunity_parent_account > opportunity parentaccountid
1:N order_customer_accounts > salesorder
1:N quote_customer_accounts > quote
N:N accountleads_association > lead
N:N listaccount_association > list
"""
