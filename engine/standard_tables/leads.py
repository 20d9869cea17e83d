"""The table lead; the notation is explained in `notation`."""

TEXT = """
table lead leads leadid fullname complete
include audit
include owner
include process
include money
include image
include sla
include address 1
include plain_address 1
include address 2
include plain_address 2
include industry
include contact_ways

lookup accountid > account
lookup campaignid > campaign
lookup contactid > contact
lookup masterid > lead
lookup originatingcaseid > incident
lookup parentaccountid > account
lookup parentcontactid > contact
lookup qualifyingopportunityid > opportunity
lookup relatedobjectid > campaignresponse
lookup msdyn_leadkpiid > msdyn_leadkpiitem
lookup msdyn_predictivescoreid > msdyn_predictivescore
lookup msdyn_segmentid > msdyn_segment
customer customerid > account contact

string businesscardattributes companyname emailaddress1 emailaddress2 emailaddress3 fax firstname
string fullname
string jobtitle lastname middlename mobilephone pager salutation sic subject telephone1 telephone2
string telephone3 timespentbymeonemailandmeetings websiteurl
string yomicompanyname yomifirstname yomifullname yomilastname yomimiddlename
memo businesscard description msdyn_scorehistory msdyn_scorereasons qualificationcomments

choice budgetstatus: 0 No Committed Budget; 1 May Buy; 2 Can Buy; 3 Will Buy
choice initialcommunication: 0 Contacted; 1 Not Contacted
choice leadqualitycode: 1 Hot; 2 Warm; 3 Cold
choice leadsourcecode: 1 Advertisement; 2 Employee Referral; 3 External Referral; 4 Partner; 5
| Public Relations; 6 Seminar; 7 Trade Show; 8 Web; 9 Word of Mouth; 10 Other; 192350000 LinkedIn
| Sponsored Form; 192350100 Landing page; 831900000 Journey
choice msdyn_leadgrade: 0 Grade A; 1 Grade B; 2 Grade C; 3 Grade D
choice msdyn_leadscoretrend: 0 Improving; 1 Steady; 2 Declining; 3 Not enough info
choice msdyn_salesassignmentresult: 0 Succeeded; 1 Failed
choice need: 0 Must have; 1 Should have; 2 Good to have; 3 No need
choice prioritycode: 1 Default Value
choice purchaseprocess: 0 Individual; 1 Committee; 2 Unknown
choice purchasetimeframe: 0 Immediate; 1 This Quarter; 2 Next Quarter; 3 This Year; 4 Unknown
choice salesstage: 0 Qualify
choice salesstagecode: 1 Default Value
state statecode: 0 Open; 1 Qualified; 2 Disqualified
status statuscode: 1 New; 2 Contacted; 3 Qualified; 4 Lost; 5 Cannot Contact; 6 No Longer
| Interested; 7 Canceled

boolean decisionmaker evaluatefit isautocreate isprivate merged msdyn_gdproptout
boolean participatesinworkflow
boolean confirminterest
datetime lastusedincampaign schedulefollowup_prospect schedulefollowup_qualify
date estimatedclosedate
integer msdyn_leadscore numberofemployees teamsfollowed
money budgetamount budgetamount_base estimatedamount estimatedamount_base revenue revenue_base
double estimatedvalue

N:1 slainvokedid_lead_sla > sla slainvokedid
N:1 sla_lead_sla > sla slaid
N:1 msdyn_PredictiveScoreId > msdyn_predictivescore msdyn_predictivescoreid
N:1 stageid_processstage > processstage stageid
1:N Lead_ActivityPointers > activitypointer
1:N Lead_Annotation > annotation
1:N Lead_Appointments > appointment
1:N Lead_Emails > email
1:N Lead_Faxes > fax
1:N Lead_Letters > letter
1:N Lead_Phonecalls > phonecall
1:N Lead_RecurringAppointmentMasters > recurringappointmentmaster
1:N Lead_ServiceAppointments > serviceappointment
1:N Lead_SocialActivities > socialactivity
1:N Lead_Tasks > task
1:N account_originating_lead > account
1:N contact_originating_lead > contact
1:N opportunity_originating_lead > opportunity
1:N lead_CampaignResponses > campaignresponse
1:N lead_activity_parties > activityparty
1:N lead_addresses > leadaddress
1:N lead_chats > chat
1:N lead_connections1 > connection record1id
1:N lead_connections2 > connection record2id
1:N lead_master_lead > lead
1:N lead_PostFollows > postfollow
1:N msdyn_lead_msdyn_leadkpiitem_leadid > msdyn_leadkpiitem
1:N msdyn_lead_msdyn_salesroutingrun_targetobject > msdyn_salesroutingrun
1:N msdyn_sequencetarget_lead_msdyn_target > msdyn_sequencetarget
1:N slakpiinstance_lead > slakpiinstance
N:N accountleads_association > account
N:N campaignlead_association > campaign
N:N contactleads_association > contact
N:N leadcompetitors_association > competitor
N:N leadproduct_association > product
N:N listlead_association > list
"""
