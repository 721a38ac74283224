"""The query language of CloudWatch Logs Insights, as far as queries of operators need it: read, and evaluated.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html. Commands: fields, filter, parse (glob and
regular expression), stats, sort, display, dedup, limit. What it does not know is refused by name, and never guessed.
"""

from local_stack.insights.evaluation import LogEvent, Outcome, run
from local_stack.insights.syntax import MalformedQuery, Query, read_query

__all__ = ["LogEvent", "MalformedQuery", "Outcome", "Query", "read_query", "run"]
