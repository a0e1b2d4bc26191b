import { randomUUID } from 'node:crypto';
import type { Route } from '../../src/http/route.js';

/** What could stand in each place of a path: of the right form, and nobody's. */
const NOBODYS: Readonly<Record<string, () => string>> = {
  act: () => 'accept',
  alias: () => `!room-${randomUUID()}:nowhere.example`,
  bridge_id: () => `brg-${randomUUID()}`,
  delivery_id: () => `dlv-${randomUUID()}`,
  emoji: () => '+',
  event_id: () => `evt-${randomUUID()}`,
  invitation_id: () => `inv-${randomUUID()}`,
  local_id: () => 'nobody',
  media_id: () => `med-${randomUUID()}`,
  participant_id: () => randomUUID(),
  partner_id: () => 'prt_nobody',
  room_id: () => `room-${randomUUID()}`,
  server: () => 'nowhere.example',
  slug: () => 'nothing',
  task_id: () => `task-${randomUUID()}`,
  tenant_id: () => randomUUID(),
  token: () => 'A'.repeat(120),
};

/** The path of a route with ids in it: the given ones, else nobody's. */
export function pathOf({ path }: Pick<Route, 'path'>, ids: Readonly<Record<string, string>> = {}): string {
  return path.replace(/\{([a-z_]+)\}/g, (_all, name: string) => {
    const id = ids[name] ?? NOBODYS[name]?.();
    if (id === undefined) throw new Error(`no id for {${name}} of ${path}`);
    return encodeURIComponent(id);
  });
}
