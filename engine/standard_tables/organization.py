"""Business units, territories, campaigns and other tables rules reach over lookups; see
| `notation`."""

TEXT = """
table businessunit businessunits businessunitid name
include audit
include money
include address 1
include plain_address 1
include address 2
include plain_address 2
lookup calendarid > calendar
lookup parentbusinessunitid > businessunit
uniqueidentifier organizationid
string costcenter disabledreason divisionname emailaddress fileasname ftpsiteurl name stockexchange
string tickersymbol websiteurl
memo description
double creditlimit
integer inheritancemask utcoffset
boolean isdisabled: 0 Enabled; 1 Disabled
boolean workflowsuspended

table territory territories territoryid name
include audit
include money
include image
lookup managerid > systemuser
lookup parentterritoryid > territory
uniqueidentifier organizationid
string name
memo description
1:N territory_accounts > account
1:N territory_system_users > systemuser

table campaign campaigns campaignid name
include audit
include owner
include process
include money
include image
lookup pricelistid > pricelevel
string codename name promotioncodename
memo description message objective
choice typecode: 1 Advertisement; 2 Direct Marketing; 3 Event; 4 Co-branding; 5 Other
state statecode: 0 Active; 1 Inactive
status statuscode: 0 Proposed; 1 Ready To Launch; 2 Launched; 3 Completed; 4 Canceled; 5
| Suspended; 6 Inactive
boolean istemplate
datetime actualend actualstart proposedend proposedstart
integer expectedresponse
money budgetedcost budgetedcost_base expectedrevenue expectedrevenue_base othercost othercost_base
money totalactualcost totalactualcost_base totalcampaignactivityactualcost
N:N campaignlead_association > lead

table transactioncurrency transactioncurrencies transactioncurrencyid currencyname
include audit
uniqueidentifier organizationid
string currencyname currencysymbol isocurrencycode
integer currencyprecision
decimal exchangerate
state statecode: 0 Active; 1 Inactive
status statuscode: 1 Active; 2 Inactive

table product products productid name
include audit
include process
include money
include image
lookup defaultuomid > uom
lookup defaultuomscheduleid > uomschedule
lookup parentproductid > product
lookup pricelevelid > pricelevel
lookup subjectid > subject
string name productnumber size suppliername vendorid vendorname vendorpartnumber
memo description
choice productstructure: 1 Product; 2 Product Family; 3 Product Bundle
choice producttypecode: 1 Sales Inventory; 2 Miscellaneous Charges; 3 Services; 4 Flat Fees
state statecode: 0 Active; 1 Retired; 2 Draft; 3 Under Revision
status statuscode: 0 Draft; 1 Active; 2 Retired; 3 Under Revision
boolean iskit isstockitem
date validfromdate validtodate
decimal quantityonhand stockvolume stockweight
integer quantitydecimal
money currentcost currentcost_base price price_base standardcost standardcost_base
N:N leadproduct_association > lead

table competitor competitors competitorid name
include audit
include money
string name tickersymbol websiteurl
memo opportunities overview strengths threats weaknesses

table incident incidents incidentid title
include audit
include owner
customer customerid > account contact
string ticketnumber title
memo description
choice caseorigincode: 1 Phone; 2 Email; 3 Web; 2483 Facebook; 3986 Twitter; 700610000 IoT
choice casetypecode: 1 Question; 2 Problem; 3 Request
choice prioritycode: 1 High; 2 Normal; 3 Low
state statecode: 0 Active; 1 Resolved; 2 Canceled
status statuscode: 1 In Progress; 2 On Hold; 3 Waiting for Details; 4 Researching; 5 Problem
| Solved; 6 Canceled; 1000 Information Provided; 2000 Merged

table activitypointer activitypointers activityid subject
include audit
include owner
string activitytypecode subject
memo description
choice prioritycode: 0 Low; 1 Normal; 2 High
state statecode: 0 Open; 1 Completed; 2 Canceled; 3 Scheduled
status statuscode: 1 Open; 2 Completed; 3 Canceled; 4 Scheduled
boolean isbilled isworkflowcreated
datetime actualend actualstart scheduledend scheduledstart
integer actualdurationminutes scheduleddurationminutes

table task tasks activityid subject
include audit
include owner
string category subcategory subject
memo description
choice prioritycode: 0 Low; 1 Normal; 2 High
state statecode: 0 Open; 1 Completed; 2 Canceled
status statuscode: 2 Not Started; 3 In Progress; 4 Waiting on someone else; 5 Completed; 6
| Canceled; 7 Deferred
datetime actualend actualstart scheduledend scheduledstart
integer actualdurationminutes percentcomplete scheduleddurationminutes

table phonecall phonecalls activityid subject
include audit
include owner
string category phonenumber subcategory subject
memo description
choice prioritycode: 0 Low; 1 Normal; 2 High
state statecode: 0 Open; 1 Completed; 2 Canceled
status statuscode: 1 Open; 2 Made; 3 Canceled; 4 Received
boolean directioncode: 0 Incoming; 1 Outgoing
boolean leftvoicemail
datetime actualend actualstart scheduledend scheduledstart
integer actualdurationminutes scheduleddurationminutes
"""
