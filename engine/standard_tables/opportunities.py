"""The table opportunity and its product lines; the notation is explained in `notation`."""

TEXT = """
table opportunity opportunities opportunityid name complete
include audit
include owner
include process
include money
include sla

lookup accountid > account
lookup campaignid > campaign
lookup contactid > contact
lookup originatingleadid > lead
lookup parentaccountid > account
lookup parentcontactid > contact
lookup pricelevelid > pricelevel
lookup msdyn_opportunitykpiid > msdyn_opportunitykpiitem
lookup msdyn_predictivescoreid > msdyn_predictivescore
lookup msdyn_segmentid > msdyn_segment
customer customerid > account contact

string name emailaddress stepname timespentbymeonemailandmeetings
string msdyn_ordertype
memo customerneed customerpainpoints currentsituation description proposedsolution
memo qualificationcomments
memo quotecomments msdyn_scorehistory msdyn_scorereasons msdyn_similaropportunities
uniqueidentifier stepid

choice budgetstatus: 0 No Committed Budget; 1 May Buy; 2 Can Buy; 3 Will Buy
choice initialcommunication: 0 Contacted; 1 Not Contacted
choice msdyn_forecastcategory: 100000001 Pipeline; 100000002 Best case; 100000003 Committed;
| 100000004 Omitted; 100000005 Won; 100000006 Lost
choice msdyn_opportunitygrade: 0 Grade A; 1 Grade B; 2 Grade C; 3 Grade D
choice msdyn_opportunityscoretrend: 0 Improving; 1 Steady; 2 Declining; 3 Not enough info
choice need: 0 Must have; 1 Should have; 2 Good to have; 3 No need
choice opportunityratingcode: 1 Hot; 2 Warm; 3 Cold
choice pricingerrorcode: 0 None; 1 Detail Error; 2 Missing Price Level; 3 Inactive Price Level; 4
| Missing Quantity; 5 Missing Unit Price; 6 Missing Product; 7 Invalid Product; 8 Missing Pricing
| Code; 9 Invalid Pricing Code; 10 Missing UOM; 11 Product Not In Price Level; 12 Missing Price
| Level Amount; 13 Missing Price Level Percentage; 14 Missing Price; 15 Missing Current Cost; 16
| Missing Standard Cost; 17 Invalid Price Level Amount; 18 Invalid Price Level Percentage; 19
| Invalid Price; 20 Invalid Current Cost; 21 Invalid Standard Cost; 22 Invalid Rounding Policy; 23
| Invalid Rounding Option; 24 Invalid Rounding Amount; 25 Price Calculation Error; 26 Invalid
| Discount Type; 27 Discount Type Invalid State; 28 Invalid Discount; 29 Invalid Quantity; 30
| Invalid Pricing Precision; 31 Missing Product Default UOM; 32 Missing Product UOM Schedule; 33
| Inactive Discount Type; 34 Invalid Price Level Currency; 35 Price Attribute Out Of Range; 36
| Base Currency Attribute Overflow; 37 Base Currency Attribute Underflow; 38 Transaction currency
| is not set for the product price list item
choice prioritycode: 1 Default Value
choice purchaseprocess: 0 Individual; 1 Committee; 2 Unknown
choice purchasetimeframe: 0 Immediate; 1 This Quarter; 2 Next Quarter; 3 This Year; 4 Unknown
choice salesstage: 0 Qualify; 1 Develop; 2 Propose; 3 Close
choice salesstagecode: 1 Default Value
choice skippricecalculation: 0 DoPriceCalcAlways; 1 SkipPriceCalcOnRetrieve
choice timeline: 0 Immediate; 1 This Quarter; 2 Next Quarter; 3 This Year; 4 Not known
state statecode: 0 Open; 1 Won; 2 Lost
status statuscode: 1 In Progress; 2 On Hold; 3 Won; 4 Canceled; 5 Out-Sold

boolean captureproposalfeedback completefinalproposal completeinternalreview confirminterest
boolean decisionmaker
boolean developproposal evaluatefit filedebrief identifycompetitors identifycustomercontacts
boolean identifypursuitteam isprivate msdyn_gdproptout participatesinworkflow presentfinalproposal
boolean presentproposal pursuitdecision resolvefeedback sendthankyounote
boolean isrevenuesystemcalculated: 0 User Provided; 1 System Calculated
date actualclosedate estimatedclosedate
datetime finaldecisiondate schedulefollowup_prospect schedulefollowup_qualify
datetime scheduleproposalmeeting
integer closeprobability msdyn_opportunityscore teamsfollowed
decimal discountpercentage
money actualvalue actualvalue_base budgetamount budgetamount_base discountamount discountamount_base
money estimatedvalue estimatedvalue_base freightamount freightamount_base totalamount
money totalamount_base
money totalamountlessfreight totalamountlessfreight_base totaldiscountamount
money totaldiscountamount_base
money totallineitemamount totallineitemamount_base totallineitemdiscountamount
money totallineitemdiscountamount_base totaltax totaltax_base

N:1 slainvokedid_opportunity_sla > sla slainvokedid
N:1 sla_opportunity_sla > sla slaid
N:1 msdyn_PredictiveScoreId > msdyn_predictivescore msdyn_predictivescoreid
N:1 stageid_processstage > processstage stageid
1:N Opportunity_ActivityPointers > activitypointer
1:N Opportunity_Annotation > annotation
1:N Opportunity_Appointments > appointment
1:N Opportunity_Emails > email
1:N Opportunity_Faxes > fax
1:N Opportunity_Letters > letter
1:N Opportunity_Phonecalls > phonecall
1:N Opportunity_RecurringAppointmentMasters > recurringappointmentmaster
1:N Opportunity_ServiceAppointments > serviceappointment
1:N Opportunity_SocialActivities > socialactivity
1:N Opportunity_Tasks > task
1:N Opportunity_OpportunityClose > opportunityclose
1:N lead_qualifying_opportunity > lead
1:N opportunity_connections1 > connection record1id
1:N opportunity_connections2 > connection record2id
1:N opportunity_customer_opportunity_roles > customeropportunityrole
1:N opportunity_invoices > invoice
1:N opportunity_quotes > quote
1:N opportunity_sales_orders > salesorder
1:N opportunity_activity_parties > activityparty
1:N product_opportunities > opportunityproduct
1:N msdyn_opportunity_msdyn_salesroutingrun_targetobject > msdyn_salesroutingrun
1:N msdyn_sequencetarget_opportunity_msdyn_target > msdyn_sequencetarget
N:N opportunitycompetitors_association > competitor

table opportunityproduct opportunityproducts opportunityproductid -
include audit
include owner
include money
lookup opportunityid > opportunity
lookup productid > product
lookup uomid > uom
lookup salesrepid > systemuser
string productname opportunityproductname
memo description productdescription
boolean ispriceoverridden: 0 Use Default; 1 Override Price
boolean isproductoverridden: 0 Existing; 1 Write-In
decimal quantity
integer lineitemnumber sequencenumber
money baseamount extendedamount manualdiscountamount priceperunit tax volumediscountamount
"""
