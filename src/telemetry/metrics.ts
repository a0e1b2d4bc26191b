export interface Metric {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  /** Label names; their values come from bounded sets, never from ids of people or rooms. */
  readonly labels: readonly string[];
}

function counter(help: string, ...labels: string[]): Metric {
  return { type: 'counter', help, labels };
}

function gauge(help: string, ...labels: string[]): Metric {
  return { type: 'gauge', help, labels };
}

function histogram(help: string, ...labels: string[]): Metric {
  return { type: 'histogram', help, labels };
}

/** Upper bounds of every histogram, in seconds. */
export const SECONDS_BUCKETS: readonly number[] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Put before every name on the way out. */
export const METRIC_PREFIX = 'scaiwave_';

/** Every metric of the node. specs/metrics.md is the contract; a test compares the two. */
export const METRICS: Readonly<Record<string, Metric>> = {
  bridge_calls_total: counter('Calls of bridges, by what came of them.', 'outcome'),
  bridge_posts_total: counter('Posts to the webhooks of bridges, by what came of them.', 'outcome'),
  cache_unavailable_total: counter('Cache calls answered without the cache.', 'operation'),
  egress_requests_total: counter('Calls out, by class of status or kind of failure.', 'outcome'),
  egress_seconds: histogram('Time of a call out, from the call to the last byte or the failure.'),
  fed_alarms_total: counter('Things another server did that an administrator should look at.', 'kind'),
  fed_descriptor_fetches_total: counter('Fetches of the descriptors of other servers.', 'outcome'),
  fed_nonce_unknown_total: counter('Signed requests judged without knowing whether they were received before.'),
  fed_rejections_total: counter('Events of other servers that were refused, by code.', 'code'),
  fed_requests_refused_total: counter('Signed requests that were refused, by code.', 'code'),
  http_request_seconds: histogram('Time to answer a request, by route and class of status.', 'method', 'route', 'status'),
  jwks_fetches_total: counter('Fetches of the key set of ScaiKey.', 'outcome'),
  lane_turns_total: counter('Turns of consumers of the log, by what came of them.', 'kind', 'outcome'),
  lane_turn_seconds: histogram('Time of a turn, its calls out included.', 'kind'),
  media_swept_total: counter('Uploads and files taken away by the sweep, by why.', 'kind'),
  media_uploaded_bytes_total: counter('Bytes of files that were kept.'),
  media_uploads_total: counter('Uploads, by what came of them.', 'outcome'),
  metric_undeclared_total: counter('Uses of a metric that is not in this table: a bug.'),
  rate_limited_total: counter('Calls refused because a rate was used up, by whose.', 'scope'),
  scaigrid_calls_total: counter('Calls of ScaiGrid, by what was asked and what came of it.', 'call', 'outcome'),
  scaikey_changes_total: counter('What the word of ScaiKey changed here.', 'act'),
  scaikey_events_total: counter('Events of ScaiKey, by what came of them.', 'outcome'),
  scaikey_passed_over_total: counter('Records of ScaiKey that a reconciliation could not keep, by part and code.', 'part', 'code'),
  scaikey_syncs_total: counter('Reconciliations with ScaiKey that ended, by part and how.', 'part', 'outcome'),
  sidekick_handovers_total: counter('Tasks given to the queue of the workers, by whether it kept them.', 'outcome'),
  sidekicks_ended_total: counter('Sidekicks that ended, by how.', 'outcome'),
  sidekicks_spawned_total: counter('Sidekicks that were given a task.'),
  store_spanning_calls_total: counter('Database calls that span tenants.', 'purpose'),
  stream_erased_total: counter('Messages taken out of the room streams again, because their event was redacted.'),
  stream_published_total: counter('Room events kept by the room streams.'),
  stream_publish_failures_total: counter('Publications that were not acknowledged and will be repeated.'),
  stream_refused_total: counter('Stream payloads dropped because they name no tenant, or another one than expected.', 'reason'),
  streams_open: gauge('WebSocket streams that are open.'),
  usage_drifts_total: counter('Counters of use found lower than what they count: a bug, or a hand in the database.', 'counter'),
  user_tokens_total: counter('User tokens judged.', 'outcome'),
};
