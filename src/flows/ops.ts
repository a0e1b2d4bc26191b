import type { HealthView, OpsApi, ReadyView } from './api/ops.js';

/** What an operator's machinery asks. */
export class Ops implements OpsApi {
  constructor(
    private readonly version: string,
    /** Part of the node to whether it answers; only what cannot be done without. */
    private readonly parts: Readonly<Record<string, () => Promise<unknown>>>,
    private readonly metricsText: () => Promise<string>,
  ) {}

  health(): HealthView {
    return { status: 'ok', version: this.version };
  }

  async ready(): Promise<ReadyView> {
    const answers = await Promise.all(
      Object.entries(this.parts).map(async ([name, ask]) => [name, await ask().then(() => true, () => false)] as const),
    );
    return { ready: answers.every(([, answered]) => answered), parts: Object.fromEntries(answers) };
  }

  metrics(): Promise<string> {
    return this.metricsText();
  }
}
