"""The conformance list: what is true of a Dataverse Web API, and the test that holds us to it.

One group for each numbered module; `test_statements` keeps list and modules together. Error codes
have a list of their own in `test_error_codes`.
"""

STATEMENTS: dict[str, dict[str, str]] = {
    "01_sign_in": {
        "401 without a bearer, with authorization_uri and resource_id in WWW-Authenticate": (
            "test_a_request_without_token_is_told_where_to_get_one"
        ),
        "a token endpoint that issues 3,599 second tokens": (
            "test_the_token_endpoint_issues_bearer_tokens_of_3599_seconds"
        ),
        "401 for an expired token": "test_an_expired_token_is_refused_with_401",
        "401 for a token that was altered": "test_an_altered_token_is_refused",
        "401 for a token of another audience": "test_a_token_for_another_environment_is_refused",
    },
    "02_headers": {
        "the OData headers may be missing": "test_headers_of_odata_may_be_missing",
        "OData-Version: 4.0 on every answer": "test_every_answer_tells_its_odata_version",
        "Preference-Applied": "test_applied_preferences_are_echoed",
        "REQ_ID and x-ms-service-request-id": "test_answers_carry_an_id_of_their_own",
        "x-ms-dop-hint": "test_answers_advise_how_many_requests_to_run_at_once",
        "x-ms-ratelimit headers": "test_answers_tell_what_is_left_of_the_limits",
        "an ARRAffinity cookie": "test_answers_pin_the_client_to_a_server_by_cookie",
    },
    "03_rows": {
        "the key and @odata.etag in every row": "test_rows_always_carry_key_and_etag",
        "null for empty columns in OData": "test_empty_columns_are_null_in_odata",
        "no empty columns in FetchXML": "test_empty_columns_are_absent_in_fetchxml",
        "annotations only on request": "test_annotations_come_only_on_request",
        "annotations before their value": "test_annotations_come_before_their_value",
        "four decimals for money": (
            "test_amounts_of_money_have_four_decimals_and_bring_their_currency"
        ),
        "whole seconds and Z for instants": "test_instants_are_in_utc_with_whole_seconds",
        "Edm.Date for the DateOnly behaviour": "test_columns_of_date_only_behaviour_are_days",
    },
    "04_refused_queries": {
        "400 for $skip": "test_skip_is_refused",
        "400 for $search": "test_search_is_refused",
        "400 for $format": "test_format_is_refused",
        "400 0x80060888 for an unknown property": "test_an_unknown_property_is_named",
        "400 for an unknown set": "test_an_unknown_set_is_a_bad_request_and_not_a_404",
    },
    "05_paging": {
        "5,000 rows a page at most": "test_a_page_holds_at_most_five_thousand_rows",
        "maxpagesize is asked for on every page": "test_the_page_size_must_be_sent_again",
        "an opaque $skiptoken": "test_links_are_opaque_and_lead_on_verbatim",
        "an altered token is refused": "test_an_altered_skiptoken_is_refused",
        "$top is ignored beside maxpagesize": "test_top_is_ignored_beside_a_page_size",
        "pages by key over live data": "test_pages_go_on_from_the_last_row_over_live_data",
    },
    "06_change_tracking": {
        "a flag of each table": "test_tracking_is_a_flag_of_each_table",
        "refusal of a table without it": "test_a_table_without_tracking_refuses",
        "refusal of $filter, $orderby, $expand and $top": (
            "test_options_that_tracking_forbids_are_named"
        ),
        "a delta link on the last page only": "test_only_the_last_page_has_a_delta_link",
        "upserts by version, then deletions": "test_changes_come_in_version_order_then_deletions",
        "the shape of a deletion": "test_a_deleted_row_is_told_by_id_and_reason_alone",
        "a deletion for what came and went": "test_a_row_that_came_and_went_is_only_a_deletion",
        "an empty delta": "test_nothing_changed_is_an_empty_list_and_a_link",
        "$count on a token": "test_pending_changes_are_counted",
        "expiry after the organization's days": (
            "test_a_link_expires_with_the_organizations_setting"
        ),
        "0x80044352 on expiry": "test_an_expired_link_asks_for_a_full_read",
        "0x80044352 after a change of metadata": (
            "test_a_changed_definition_expires_links_of_its_table"
        ),
        "read on the whole organization is needed": "test_tracking_needs_organization_wide_read",
        "$select travels in the link": "test_a_link_keeps_the_columns_that_were_selected",
    },
    "07_versions": {
        "one counter for the organization": "test_one_counter_serves_every_table",
        "versionnumber is the ETag": "test_the_version_is_the_etag",
        "the delta token holds a version": (
            "test_a_delta_token_starts_with_the_version_it_reaches"
        ),
        "gaps": "test_the_counter_has_gaps",
        "a late commit as a fault": ("test_a_late_commit_shows_a_lower_version_after_a_higher_one"),
    },
    "08_conditional_writes": {
        "PATCH creates what is missing": (
            "test_a_patch_without_conditions_creates_what_is_missing"
        ),
        "404 for If-Match: * on what is missing": (
            "test_if_match_any_on_a_row_that_is_missing_is_a_404"
        ),
        "412 for a stale ETag": "test_a_stale_etag_is_a_412",
        "412 for If-None-Match: * on what exists": (
            "test_if_none_match_any_on_a_row_that_exists_is_a_412"
        ),
        "every condition on a row and on nothing": (
            "test_patch_updates_or_creates_as_its_condition_says"
        ),
        "204 with OData-EntityId": "test_create_answers_204_with_the_new_url",
        "201 with the row for return=representation": (
            "test_create_answers_201_with_the_row_on_request"
        ),
        "200 with the row for return=representation": (
            "test_patch_answers_with_the_row_on_request"
        ),
    },
    "09_no_op_writes": {
        "a PATCH without a change moves version and modifiedon": (
            "test_identical_values_still_raise_the_version"
        ),
    },
    "10_lookups_and_owners": {
        "case-sensitive navigation names": "test_navigation_names_are_case_sensitive",
        "the texts of 0x80048d19": "test_an_undeclared_navigation_is_named_in_the_platforms_words",
        "a null @odata.bind is refused": "test_a_null_bind_is_refused",
        "an access team cannot own": "test_an_access_team_cannot_own",
        "a disabled user cannot own": "test_a_disabled_user_cannot_own",
        "an owner needs a role": "test_an_owner_needs_a_role_that_reads_the_table",
        "owning columns follow the owner": "test_the_owning_columns_follow_the_owner",
        "an account's assignment cascades": (
            "test_a_new_account_owner_takes_leads_opportunities_and_contacts_along"
        ),
        "a contact's assignment cascades": (
            "test_a_new_contact_owner_takes_leads_and_opportunities_along"
        ),
        "a cascade may be delayed": "test_a_cascade_can_come_later",
    },
    "11_states": {
        "the matrix of states and status reasons": ("test_each_state_takes_its_own_status_reasons"),
        "a state alone brings its default": "test_a_state_brings_its_default_status",
        "a wrong pair is refused": "test_a_status_of_another_state_is_refused",
        "closed rows are read-only": "test_closed_rows_are_read_only_until_they_are_opened",
    },
    "12_batch": {
        "parts in order": "test_parts_are_answered_in_their_order",
        "a failing part's status outside, multipart inside": (
            "test_a_failing_part_ends_the_batch_and_gives_it_its_status"
        ),
        "continue-on-error": "test_every_part_is_answered_when_told_to_go_on",
        "a change set is a transaction with references": (
            "test_a_change_set_is_one_transaction_with_references"
        ),
        "one error part for a failed change set": "test_a_failed_change_set_is_one_error_part",
        "a failed change set is undone": "test_a_failed_change_set_leaves_nothing_behind",
        "Content-ID is mandatory": "test_members_of_a_change_set_need_a_content_id",
        "an unknown reference is refused": ("test_a_reference_to_what_was_not_created_is_refused"),
        "no reads in a change set": "test_a_change_set_takes_no_reads",
        "1,000 requests at most": "test_a_thousand_and_one_requests_are_too_many",
        "no batch in a batch": "test_a_batch_within_a_batch_is_refused",
        "64 KB for a URL inside": "test_a_long_url_is_refused_alone_and_served_in_a_batch",
        "bulk messages": "test_many_rows_are_created_changed_and_upserted",
        "bulk messages are transactions": "test_bulk_messages_are_all_or_nothing",
        "bulk messages by table": "test_not_every_table_has_bulk_messages",
    },
    "13_protection_and_faults": {
        "the limit of requests": "test_too_many_requests_wait_for_the_window",
        "the limit of execution time": "test_execution_time_is_limited",
        "the limit of concurrent requests": "test_concurrency_is_limited",
        "numbers that can be set": "test_the_limits_are_numbers_to_set",
        "Retry-After grows when ignored": "test_the_wait_grows_when_it_is_ignored",
        "429 for the outer batch": "test_a_batch_counts_once_and_is_refused_as_a_whole",
        "502, 503 and 504 at random": "test_gateway_failures_can_be_scripted_at_random",
        "deadlock 1205": "test_a_deadlock_names_1205",
        "HTML bodies": "test_a_scripted_body_may_be_html",
        "a reset after the commit": (
            "test_a_connection_reset_after_the_commit_loses_the_answer_alone"
        ),
    },
    "14_metadata": {
        "WhoAmI": "test_who_am_i_names_user_unit_and_organization",
        "EntityDefinitions": "test_a_table_is_described",
        "attributes": "test_columns_tell_their_type_and_validity",
        "casts with choices": "test_casts_show_the_options",
        "casts with targets, behaviour, precision": (
            "test_other_casts_show_targets_behaviour_and_precision"
        ),
        "relationships": "test_relationships_tell_navigation_names_and_cascades",
        "RetrieveMetadataChanges": "test_metadata_is_told_by_query_and_only_when_it_changed",
        "RetrieveTotalRecordCount, a day old": "test_total_record_counts_are_up_to_a_day_old",
        "$metadata": "test_the_csdl_is_consistent",
    },
    "15_webhooks": {
        "60 seconds to answer": "test_a_receiver_has_sixty_seconds",
        "no answer in time is a failure": (
            "test_a_receiver_that_does_not_answer_in_time_has_failed"
        ),
        "one more try for 502, 503 and 504": "test_a_passing_failure_is_tried_once_more",
        "stripped above 256 KB": "test_a_body_above_256_kb_is_stripped",
        "a switch that shuffles": "test_calls_can_arrive_in_another_order",
        "a switch that drops": "test_calls_can_be_dropped",
    },
}
