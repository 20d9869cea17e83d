"""The table contact; the notation is explained in `notation`."""

TEXT = """
table contact contacts contactid fullname complete
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
include address 3
include customer_address 3
include contact_ways

lookup accountid > account
lookup defaultpricelevelid > pricelevel
lookup masterid > contact
lookup originatingleadid > lead
lookup parentcontactid > contact
lookup preferredequipmentid > equipment
lookup preferredserviceid > service
lookup preferredsystemuserid > systemuser
lookup createdbyexternalparty > externalparty
lookup modifiedbyexternalparty > externalparty
lookup msdyn_contactkpiid > msdyn_contactkpiitem
lookup msdyn_segmentid > msdyn_segment
customer parentcustomerid > account contact
uniqueidentifier subscriptionid

string assistantname assistantphone business2 callback childrensnames company department
string emailaddress1
string emailaddress2 emailaddress3 employeeid externaluseridentifier fax firstname ftpsiteurl
string fullname
string governmentid home2 jobtitle lastname managername managerphone middlename mobilephone
string nickname pager
string salutation spousesname suffix telephone1 telephone2 telephone3
string timespentbymeonemailandmeetings
string websiteurl yomifirstname yomifullname yomilastname yomimiddlename businesscardattributes
memo description businesscard

choice accountrolecode: 1 Decision Maker; 2 Employee; 3 Influencer
choice customersizecode: 1 Default Value
choice customertypecode: 1 Default Value
choice educationcode: 1 Default Value
choice familystatuscode: 1 Single; 2 Married; 3 Divorced; 4 Widowed
choice gendercode: 1 Male; 2 Female
choice haschildrencode: 1 Default Value
choice leadsourcecode: 1 Default Value
choice msdyn_decisioninfluencetag: 0 Decision maker; 1 Influencer; 2 Blocker; 3 Unknown
choice msdyn_orgchangestatus: 0 No Feedback; 1 Not at Company; 2 Ignore
choice paymenttermscode: 1 Net 30; 2 2% 10, Net 30; 3 Net 45; 4 Net 60
choice preferredappointmentdaycode: 0 Sunday; 1 Monday; 2 Tuesday; 3 Wednesday; 4 Thursday; 5
| Friday; 6 Saturday
choice preferredappointmenttimecode: 1 Morning; 2 Afternoon; 3 Evening
choice shippingmethodcode: 1 Default Value
choice territorycode: 1 Default Value
state statecode: 0 Active; 1 Inactive
status statuscode: 1 Active; 2 Inactive

boolean creditonhold isautocreate isbackofficecustomer isprivate marketingonly merged
boolean msdyn_disablewebtracking
boolean msdyn_gdproptout msdyn_isassistantinorgchart msdyn_isminor msdyn_isminorwithparentalconsent
boolean participatesinworkflow
date anniversary birthdate msdyn_portaltermsagreementdate
datetime lastusedincampaign
integer numberofchildren teamsfollowed
money aging30 aging30_base aging60 aging60_base aging90 aging90_base annualincome annualincome_base
money creditlimit creditlimit_base

N:1 slainvokedid_contact_sla > sla slainvokedid
N:1 sla_contact_sla > sla slaid
N:1 stageid_processstage > processstage stageid
1:N Contact_ActivityPointers > activitypointer
1:N Contact_Annotation > annotation
1:N Contact_Appointments > appointment
1:N Contact_CustomerAddress > customeraddress
1:N Contact_Emails > email
1:N Contact_Faxes > fax
1:N Contact_Letters > letter
1:N Contact_Phonecalls > phonecall
1:N Contact_RecurringAppointmentMasters > recurringappointmentmaster
1:N Contact_ServiceAppointments > serviceappointment
1:N Contact_SocialActivities > socialactivity
1:N Contact_Tasks > task
1:N account_primary_contact > account
1:N contact_activity_parties > activityparty
1:N contact_connections1 > connection record1id
1:N contact_connections2 > connection record2id
1:N contact_customer_contacts > contact parentcustomerid
1:N contact_master_contact > contact masterid
1:N incident_customer_contacts > incident
1:N lead_customer_contacts > lead customerid
1:N lead_parent_contact > lead parentcontactid
1:N opportunity_customer_contacts > opportunity customerid
1:N opportunity_parent_contact > opportunity parentcontactid
1:N quote_customer_contacts > quote
1:N order_customer_contacts > salesorder
1:N invoice_customer_contacts > invoice
N:N contactleads_association > lead
N:N listcontact_association > list
"""
