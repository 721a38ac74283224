"""The contract that holds for every `Databases`, on MySQL and MariaDB.

Not among them: logins by IAM, since Amazon's plugin is on Aurora alone; the SQLSTATEs of PostgreSQL; the pieces of a
survey, which MySQL answers in one call; and names that PostgreSQL alone keeps or refuses. `test_mysql_users` has
their like.
"""

# ruff: noqa: F401 - a test that is imported is run, with the servers of this folder

from tests.contract.database.test_databases_contract import (
    test_a_copy_with_nothing_that_acts_has_no_fuses,
    test_a_database_that_is_missing_is_named_and_no_user_is_made,
    test_a_failure_says_what_to_do_and_not_to_look_where_nothing_is,
    test_a_locked_login_is_opened_again_by_asking_for_that_user,
    test_a_login_that_came_along_and_is_asked_for_is_not_locked,
    test_a_master_that_is_refused_is_not_a_transient_error,
    test_a_new_password_replaces_the_old,
    test_a_new_user_is_created_in_all_databases_and_logs_in,
    test_a_set_up_that_fails_has_locked_the_other_logins_all_the_same,
    test_a_set_up_that_has_no_time_goes_on_in_the_next_call_and_says_how_far_it_is,
    test_a_user_for_one_database_of_many_is_set_up_in_pieces_too,
    test_a_user_named_twice_is_refused,
    test_a_wrong_password_or_name_is_refused_with_a_reason_that_holds_no_secret,
    test_any_level_can_follow_any_other,
    test_logins_that_came_along_are_locked_when_asked_and_said_to_be_every_time,
    test_logins_that_came_along_are_reported_and_left_open,
    test_no_secret_shows_in_a_report_or_a_user,
    test_nothing_is_surveyed_where_nothing_listens_or_the_master_is_refused,
    test_only_the_databases_named_are_opened,
    test_the_database_says_which_instance_it_is_under_a_name_that_was_verified,
    test_the_right_password_is_accepted,
    test_where_nothing_listens_the_server_is_unreachable,
    test_where_nothing_listens_there_is_no_answer,
    test_who_may_not_log_in_learns_no_more_than_that_the_name_is_verified,
)
