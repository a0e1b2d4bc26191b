export interface HealthView {
  readonly status: 'ok';
  readonly version: string;
}

export interface ReadyView {
  readonly ready: boolean;
  /** Part of the node -> whether it answers. */
  readonly parts: Readonly<Record<string, boolean>>;
}

export interface OpsApi {
  /** The process runs; asks nothing of any other. */
  health(): HealthView;
  /** Whether requests would be answered now. Not ready is answered with 503 and the same body. */
  ready(): Promise<ReadyView>;
  /** Prometheus text format. */
  metrics(): Promise<string>;
}
