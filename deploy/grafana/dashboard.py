#!/usr/bin/python3
"""Prints the dashboard: python3 deploy/grafana/dashboard.py > deploy/grafana/eventstore.json

Rows from what an operator looks at first to what explains it. A query here is tried against a real server's metrics by
tests/e2e/prometheus_test.py; `$instance` is the choice of servers, `$__rate_interval` Grafana's own.
"""
import json

OF = 'instance=~"$instance"'
RATE = "[$__rate_interval]"
COLUMNS = 24


def rate(metric, labels="", by="instance"):
    return f"sum by ({by}) (rate({metric}{{{OF}{',' + labels if labels else ''}}}{RATE}))"


def quantile(q, metric, by):
    return f"histogram_quantile({q}, sum by ({by}, le) (rate({metric}_bucket{{{OF}}}{RATE})))"


def now(metric, labels=""):
    return f"{metric}{{{OF}{',' + labels if labels else ''}}}"


# Row: [(title, unit, what it tells, [(query, legend)])]
ROWS = [
    ("Now", [
        ("Serving", "none", "1 while the database answers and the server is not draining.",
         [(now("eventstore_serving"), "{{instance}}")]),
        ("Version", "none", "What runs where.",
         [(now("eventstore_build_info"), "{{instance}}: {{version}}, {{engine}} ({{edition}})")]),
        ("Alerts", "none", "Alerts that fire.",
         [('count by (alertname) (ALERTS{alertstate="firing"}) or vector(0)', "{{alertname}}")]),
    ]),
    ("Traffic", [
        ("Calls", "reqps", "Calls that ended, by method.",
         [(rate("eventstore_rpc_requests_total", by="method"), "{{method}}")]),
        ("Under way", "none", "Calls that have not ended; subscribers and streams of appends last.",
         [(f"sum by (method) ({now('eventstore_rpc_in_flight')}) > 0", "{{method}}")]),
        ("Events appended", "wps", "Events committed a second.",
         [(rate("eventstore_appended_events_total"), "{{instance}}")]),
        ("Messages of streams", "cps", "Messages sent and received on streams.",
         [(rate("eventstore_rpc_messages_sent_total", by="method"), "sent {{method}}"),
          (rate("eventstore_rpc_messages_received_total", by="method"), "received {{method}}")]),
        ("Bytes of streams", "Bps", "Bytes of those.",
         [(rate("eventstore_rpc_sent_bytes_total", by="method"), "sent {{method}}"),
          (rate("eventstore_rpc_received_bytes_total", by="method"), "received {{method}}")]),
    ]),
    ("Errors", [
        ("By code", "reqps", "Calls that failed.",
         [(rate("eventstore_rpc_requests_total", 'code!="OK"', by="code"), "{{code}}")]),
        ("By reason", "reqps", "The same, by the reason of their ErrorInfo.",
         [(rate("eventstore_rpc_errors_total", by="method, reason"), "{{method}} {{reason}}")]),
        ("Left out of the log", "cps", "Lines of requests that the log does not have, since there were too many.",
         [(rate("eventstore_log_requests_left_out_total"), "{{instance}}")]),
    ]),
    ("Latency", [
        ("Median", "s", "Half of the calls take less.",
         [(quantile(0.5, "eventstore_rpc_duration_seconds", "method"), "{{method}}")]),
        ("99 of 100", "s", "One call in a hundred takes longer.",
         [(quantile(0.99, "eventstore_rpc_duration_seconds", "method"), "{{method}}")]),
    ]),
    ("Writes", [
        ("Appends by outcome", "reqps", "Written, repeated, or why not.",
         [(rate("eventstore_append_requests_total", by="result"), "{{result}}")]),
        ("Conflicts", "percentunit", "Of all appends.",
         [(f"{rate('eventstore_append_requests_total', 'result=' + chr(34) + 'VERSION_CONFLICT' + chr(34))} / "
           f"{rate('eventstore_append_requests_total')}", "{{instance}}")]),
        ("Queues", "none", "Appends that wait for their lane.",
         [(now("eventstore_append_lane_queue_requests"), "{{instance}} lane {{lane}}")]),
        ("Queues, full to", "percentunit", "By requests and by bytes; at 1 appends are refused.",
         [(f"max by (instance) ({now('eventstore_append_lane_queue_requests')}) / "
           f"max by (instance) ({now('eventstore_append_lane_queue_max_requests')})", "{{instance}} requests"),
          (f"max by (instance) ({now('eventstore_append_lane_queue_bytes')}) / "
           f"max by (instance) ({now('eventstore_append_lane_queue_max_bytes')})", "{{instance}} bytes")]),
        ("Transactions", "cps", "Committed, and batches that had to be run again one by one.",
         [(rate("eventstore_append_transactions_total"), "{{instance}}"),
          (rate("eventstore_append_batch_reruns_total"), "{{instance}} run again")]),
        ("Batch: time", "s", "From the first statement to the end of COMMIT.",
         [(quantile(0.5, "eventstore_append_batch_duration_seconds", "instance"), "{{instance}} median"),
          (quantile(0.99, "eventstore_append_batch_duration_seconds", "instance"), "{{instance}} 99 of 100")]),
        ("Batch: size", "none", "Requests and events of the middle batch.",
         [(quantile(0.5, "eventstore_append_batch_requests", "instance"), "{{instance}} requests"),
          (quantile(0.5, "eventstore_append_batch_events", "instance"), "{{instance}} events")]),
        ("Connections lost at commit", "none", "And what was found to have become of the transaction.",
         [(f"sum by (outcome) (increase({now('eventstore_append_lost_commits_total')}{RATE}))", "{{outcome}}")]),
    ]),
    ("Reads", [
        ("Connections", "none", "Of the reading pool.",
         [(now("eventstore_read_connections_busy"), "{{instance}} busy"),
          (now("eventstore_read_connections"), "{{instance}} all")]),
        ("Waiting", "percentunit", "Reads that wait for one, of how many may.",
         [(f"{now('eventstore_read_queue_requests')} / {now('eventstore_read_queue_max_requests')}", "{{instance}}")]),
    ]),
    ("Subscriptions", [
        ("Subscribers", "none", "Groups at work count as one each.",
         [(now("eventstore_subscriptions"), "{{instance}}")]),
        ("Held back", "s", "How long an append under way has been holding back what subscribers get.",
         [(now("eventstore_subscription_horizon_lag_seconds"), "{{instance}}")]),
    ]),
    ("Consumer groups", [
        ("Behind, events", "none", "Counted up to 10,000.",
         [(f"max by (group) ({now('eventstore_consumer_group_lag_events')})", "{{group}}")]),
        ("Behind, time", "s", "Age of the oldest event that a group has not handled.",
         [(f"max by (group) ({now('eventstore_consumer_group_lag_seconds')})", "{{group}}")]),
        ("Consumers", "none", "On any server.",
         [(f"max by (group) ({now('eventstore_consumer_group_members')})", "{{group}}")]),
        ("Set aside", "none", "Nobody handles these until they are replayed.",
         [(f"max by (group) ({now('eventstore_consumer_group_parked_events')})", "{{group}}")]),
        ("Here", "none", "Groups at work on a server, their consumers there, and what they set aside there.",
         [(now("eventstore_consumer_groups"), "{{instance}} groups"),
          (now("eventstore_consumers"), "{{instance}} consumers"),
          (f"increase({now('eventstore_parked_events_total')}{RATE})", "{{instance}} set aside")]),
    ]),
    ("Partitions", [
        ("Days ahead", "none", "Only where partitions are made ahead.",
         [(now("eventstore_partition_days_ahead"), "{{instance}}")]),
        ("Today", "none", "1 when today's events have a place to go to.",
         [(now("eventstore_partition_today_exists"), "{{instance}}")]),
        ("Partitions", "none", "All, and those that are compressed.",
         [(f"max({now('eventstore_partitions')})", "all"), (f"max({now('eventstore_partitions_compressed')})", "compressed")]),
        ("Disk space", "bytes", "Of all partitions, with indexes.",
         [(f"max({now('eventstore_partition_bytes')})", "bytes")]),
        ("Days kept", "d", "From the begin of the oldest partition to now.",
         [(f"(time() - min({now('eventstore_partition_oldest_timestamp_seconds')})) / 86400", "days")]),
        ("Made while appending", "none", "Partitions that were missing when an event came.",
         [(f"increase({now('eventstore_partitions_repaired_total')}{RATE})", "{{instance}}")]),
    ]),
    ("Housekeeper", [
        ("Runs", "none", "By task and how they ended.",
         [(f"sum by (task, status) (increase({now('eventstore_housekeeper_runs_total')}[1h]))", "{{task}} {{status}}")]),
        ("Since the last run", "s", "By task.",
         [(f"time() - max by (task) ({now('eventstore_housekeeper_last_run_timestamp_seconds')})", "{{task}}")]),
        ("Length of the last run", "s", "By task.",
         [(f"max by (task) ({now('eventstore_housekeeper_last_run_duration_seconds')})", "{{task}}")]),
        ("Failed or overdue", "none", "1 where somebody should look.",
         [(f"max by (task) ({now('eventstore_housekeeper_last_run_failed')})", "{{task}} failed"),
          (f"max by (task) ({now('eventstore_housekeeper_task_overdue')})", "{{task}} overdue")]),
    ]),
    ("Process", [
        ("Processors", "none", "How many it keeps busy.",
         [(rate("process_cpu_seconds_total", 'job="eventstored"'), "{{instance}}")]),
        ("Memory", "bytes", "In RAM, and address space.",
         [(now("process_resident_memory_bytes", 'job="eventstored"'), "{{instance}}"),
          (now("process_virtual_memory_bytes", 'job="eventstored"'), "{{instance}} address space")]),
        ("Files and sockets", "percentunit", "Of those that may be open.",
         [(f"{now('process_open_fds', 'job=' + chr(34) + 'eventstored' + chr(34))} / "
           f"{now('process_max_fds', 'job=' + chr(34) + 'eventstored' + chr(34))}", "{{instance}}")]),
        ("Up for", "s", "Since the process started.",
         [(f"time() - {now('process_start_time_seconds', 'job=' + chr(34) + 'eventstored' + chr(34))}", "{{instance}}")]),
    ]),
]


def panel(number, title, unit, tells, queries, x, y, width):
    return {
        "id": number,
        "type": "timeseries",
        "title": title,
        "description": tells,
        "datasource": {"type": "prometheus", "uid": "${source}"},
        "gridPos": {"x": x, "y": y, "w": width, "h": 7},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + i), "expr": query, "legendFormat": legend} for i, (query, legend) in enumerate(queries)
        ],
    }


def dashboard():
    panels, y = [], 0
    for title, row in ROWS:
        panels.append({"id": len(panels) + 1, "type": "row", "title": title, "collapsed": False, "panels": [],
                       "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1}})
        y += 1
        in_line = min(len(row), 3)
        for place, spec in enumerate(row):
            width = COLUMNS // in_line
            panels.append(panel(len(panels) + 1, *spec, x=place % in_line * width, y=y + place // in_line * 7, width=width))
        y += (len(row) + in_line - 1) // in_line * 7
    return {
        "uid": "eventstore",
        "title": "Event store",
        "tags": ["eventstore"],
        "timezone": "browser",
        "schemaVersion": 38,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": [
            {"name": "source", "label": "Source", "type": "datasource", "query": "prometheus"},
            {"name": "instance", "label": "Server", "type": "query", "datasource": {"type": "prometheus", "uid": "${source}"},
             "query": "label_values(eventstore_serving, instance)", "refresh": 2, "multi": True, "includeAll": True,
             "allValue": ".*"},
        ]},
        "panels": panels,
    }


print(json.dumps(dashboard(), indent=1, ensure_ascii=False))
