/** A call as it came, body unread: its signature covers these bytes. */
export interface ScaikeyCall {
  /** Lower-case names, each once. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface ScaikeyHeardView {
  readonly event_id: string;
  /** `unchanged`: nothing here differs from it, or something newer was heard. `ignored`: it concerns nothing that is kept here. */
  readonly status: 'applied' | 'unchanged' | 'duplicate' | 'ignored';
}

export interface ScaikeyEventsApi {
  /** Refuses before the body is read where no event could be believed. */
  screen(): void;
  receive(call: ScaikeyCall): Promise<ScaikeyHeardView>;
}
