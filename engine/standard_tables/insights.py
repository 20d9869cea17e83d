"""Insights and the tables of sequences and segments; the notation is explained in `notation`."""

TEXT = """
table msdyn_salessuggestion msdyn_salessuggestions msdyn_salessuggestionid msdyn_name complete
include audit
include owner
include money
lookup msdyn_relatedrecord > account
lookup msdyn_qualifiedrecord > opportunity
lookup msdyn_sequencecontact > contact
string msdyn_name msdyn_modelid
memo msdyn_customdata msdyn_feedbackreason msdyn_insight msdyn_suggestionreason
choice msdyn_salesmotion: 1 Default
choice msdyn_salesplay: 1 Default
choice msdyn_solutionarea: 1 Default
choice msdyn_suggestionsource: 0 Others; 1 Product Recommendations
state statecode: 0 Open; 1 Closed; 2 Declined; 3 Qualified
status statuscode: 1 Open; 2 Others; 3 Others; 4 Created Opportunity; 5 Accepted
date msdyn_expirydate
datetime msdyn_suggesteddate
integer msdyn_score
money msdyn_potentialrevenue msdyn_potentialrevenue_base

table msdyn_segment msdyn_segments msdyn_segmentid msdyn_name
include audit
include owner
lookup msdyn_sequence > msdyn_sequence
string msdyn_name msdyn_objecttype msdyn_description msdyn_entityfieldname
memo msdyn_entityfilter
choice msdyn_objecttypecode: 3 Opportunity; 4 Lead; 5 Other Entity
choice msdyn_triggertype: 0 Entity Create; 1 FieldUpdate
boolean msdyn_evaluateindataverse msdyn_isresegmentationenabled
boolean msdyn_isroutingenabledforresegmentation
state statecode: 0 Active; 1 Inactive; 2 Pause
status statuscode: 1 Active; 2 Inactive; 3 Pause

table msdyn_sequence msdyn_sequences msdyn_sequenceid msdyn_name
include audit
include owner
lookup msdyn_parentsequence > msdyn_sequence
string msdyn_name msdyn_regardingentityname msdyn_regardingentitydisplayname
string msdyn_assignsequencefieldname
memo msdyn_definition
choice msdyn_assignsequencetype: 0 RecordOwner; 1 RecordField; 2 OwnerTeam; 3 AccessTeam; 4
| CurrentUser
choice msdyn_orchestratorversion: 1 V1; 2 V2
choice msdyn_type: 0 Definition; 1 Activation
integer msdyn_maxstepcount msdyn_totaltasks msdyn_version
state statecode: 0 Inactive; 1 Active
status statuscode: 1 Inactive; 2 Active; 3 Revision

table msdyn_sequencetarget msdyn_sequencetargets msdyn_sequencetargetid msdyn_name
include audit
include owner
lookup msdyn_appliedsequenceinstance > msdyn_sequence
lookup msdyn_advancedfromstep > msdyn_sequencetargetstep
lookup msdyn_parentsequence > msdyn_sequence
lookup msdyn_segment > msdyn_segment
lookup msdyn_target > account contact lead opportunity
string msdyn_currentstepname msdyn_name msdyn_regarding
choice msdyn_currentsteptype: 0 Wait; 1 Simple Condition; 3 Automated Email; 4 Auto action; 5
| LinkedIn action; 6 Automated text message; 7 Automated Experimentation; 4202 Email; 4210 Phone
| call; 4212 Task; 4213 Text message
choice msdyn_deactivatereason: 0 User Disconnected; 1 Parent Sequence Deactivated; 2 Regarding
| Entity Deactivated; 3 Exit Criterion Met; 4 Sequence Completed; 5 Advanced To Other Sequence
integer msdyn_currentstepcount msdyn_parentsequenceversion msdyn_totalstepcount
state statecode: 0 Active; 1 Inactive
status statuscode: 1 Connecting; 2 Connected; 3 Completed; 4 Error; 5 Disconnected
"""
