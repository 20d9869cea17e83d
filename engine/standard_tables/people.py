"""Users, teams, queues and what belongs to them; the notation is explained in `notation`."""

TEXT = """
table systemuser systemusers systemuserid fullname complete
include audit
include process
include money
include image
include address 1
include plain_address 1
include address 2
include plain_address 2

lookup businessunitid > businessunit
lookup calendarid > calendar
lookup defaultmailbox > mailbox
lookup mobileofflineprofileid > mobileofflineprofile
lookup parentsystemuserid > systemuser
lookup positionid > position
lookup queueid > queue
lookup siteid > site
lookup territoryid > territory

uniqueidentifier activedirectoryguid applicationid azureactivedirectoryobjectid organizationid
uniqueidentifier ownerid
uniqueidentifier systemuserid
string applicationiduri defaultodbfoldername domainname emailrouteraccessapprovalname employeeid
string firstname
string fullname governmentid homephone internalemailaddress jobtitle lastname middlename
string mobilealertemail
string mobilephone nickname personalemailaddress photourl salutation sharepointemailaddress
string skills title
string windowsliveid yammeremailaddress yammeruserid yomifirstname yomifullname yomilastname
string yomimiddlename
memo disabledreason

choice accessmode: 0 Read-Write; 1 Administrative; 2 Read; 3 Support User; 4 Non-interactive; 5
| Delegated Admin
choice azurestate: 0 Exists; 1 Soft deleted; 2 Not found or hard deleted
choice caltype: 0 Professional; 1 Administrative; 2 Basic; 3 Device Professional; 4 Device Basic;
| 5 Essential; 6 Device Essential; 7 Enterprise; 8 Device Enterprise; 9 Sales; 10 Service; 11
| Field Service; 12 Project Service
choice deletestate: 0 Not deleted; 1 Soft deleted
choice emailrouteraccessapproval: 0 Empty; 1 Approved; 2 Pending Approval; 3 Rejected
choice incomingemaildeliverymethod: 0 None; 1 Microsoft Dynamics 365 for Outlook; 2 Server-Side
| Synchronization or Email Router; 3 Forward Mailbox
choice invitestatuscode: 0 Invitation Not Sent; 1 Invited; 2 Invitation Near Expired; 3 Invitation
| Expired; 4 Invitation Accepted; 5 Invitation Rejected; 6 Invitation Revoked
choice outgoingemaildeliverymethod: 0 None; 1 Microsoft Dynamics 365 for Outlook; 2 Server-Side
| Synchronization or Email Router
choice preferredaddresscode: 1 Mailing Address; 2 Other Address
choice preferredemailcode: 1 Default Value
choice preferredphonecode: 1 Main Phone; 2 Other Phone; 3 Home Phone; 4 Mobile Phone
choice systemmanagedusertype: 0 Entra User; 1 C2 User; 2 Impersonable Stub User
boolean defaultfilterspopulated displayinserviceviews isactivedirectoryuser isallowedbyipfirewall
boolean isemailaddressapprovedbyo365admin isintegrationuser islicensed issyncwithdirectory setupuser
boolean isdisabled: 0 Enabled; 1 Disabled
datetime latestupdatetime
integer identityid passporthi passportlo userlicensetype

1:N lead_owning_user > lead
1:N opportunity_owning_user > opportunity
1:N user_accounts > account
1:N contact_owning_user > contact
1:N user_parent_user > systemuser
N:N systemuserprofiles_association > fieldsecurityprofile
N:N systemuserroles_association > role
N:N teammembership_association > team
N:N queuemembership_association > queue
N:N msdyn_msdyn_attributevalue_systemuser > msdyn_attributevalue

table team teams teamid name complete
include audit
include process
include money
lookup administratorid > systemuser
lookup associatedteamtemplateid > teamtemplate
lookup businessunitid > businessunit
lookup delegatedauthorizationid > delegatedauthorization
lookup queueid > queue
lookup regardingobjectid > lead opportunity account contact knowledgearticle
uniqueidentifier azureactivedirectoryobjectid organizationid ownerid
string emailaddress linkauthorizationexpression name sharelinkqualifier yominame
memo description
choice membershiptype: 0 Members and guests; 1 Members; 2 Owners; 3 Guests
choice teamtype: 0 Owner; 1 Access; 2 Security Group; 3 Office Group
boolean isdefault issastokenset systemmanaged
integer identityid
1:N lead_owning_team > lead
1:N opportunity_owning_team > opportunity
1:N team_accounts > account
N:N teammembership_association > systemuser
N:N teamroles_association > role
N:N teamprofiles_association > fieldsecurityprofile

table queue queues queueid name complete
include audit
include owner
include image
lookup businessunitid > businessunit
lookup defaultmailbox > mailbox
lookup primaryuserid > systemuser
uniqueidentifier organizationid
string emailaddress emailpassword emailusername name
memo description
choice emailrouteraccessapproval: 0 Empty; 1 Approved; 2 Pending Approval; 3 Rejected
choice incomingemaildeliverymethod: 0 None; 2 Server-Side Synchronization or Email Router; 3
| Forward Mailbox
choice incomingemailfilteringmethod: 0 All email messages; 1 Email messages in response to
| Dynamics 365 email; 2 Email messages from Dynamics 365 Leads, Contacts and Accounts; 3 Email
| messages from Dynamics 365 records that are email enabled; 4 No email messages
choice outgoingemaildeliverymethod: 0 None; 2 Server-Side Synchronization or Email Router
choice queuetypecode: 1 Default Value
choice queueviewtype: 0 Public; 1 Private
state statecode: 0 Active; 1 Inactive
status statuscode: 1 Active; 2 Inactive
boolean allowemailcredentials ignoreunsolicitedemail isemailaddressapprovedbyo365admin isfaxqueue
boolean isdefaultqueue msdyn_isdefaultqueue msdyn_isomnichannelqueue
integer numberofitems numberofmembers msdyn_priority
1:N queue_entries > queueitem
N:N queuemembership_association > systemuser

table teammembership teammemberships teammembershipid -
uniqueidentifier systemuserid teamid
bigint versionnumber

table role roles roleid name
include audit
lookup businessunitid > businessunit
lookup parentroleid > role
lookup parentrootroleid > role
uniqueidentifier organizationid roleidunique
string name
N:N systemuserroles_association > systemuser
N:N teamroles_association > team

table position positions positionid name
include audit
lookup parentpositionid > position
string name
memo description
"""
