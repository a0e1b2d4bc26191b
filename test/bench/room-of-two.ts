import type { NodeUnderLoad } from './node-under-load.js';

/** A room of `home` in which bob of `away` is a member; its id on both sides. */
export async function sharedRoom(home: NodeUnderLoad, away: NodeUnderLoad): Promise<{ readonly home: string; readonly away: string; readonly logName: string }> {
  await away.ask('bob', 'GET', '/v1/me');
  const { id } = await home.ask<{ id: string }>('admin', 'POST', '/v1/rooms', { room_type: 'group', name: 'Shared' });
  await home.ask('admin', 'PUT', `/v1/admin/rooms/${id}/federate`, { enabled: true });
  await home.ask('admin', 'POST', `/v1/rooms/${id}/invitations`, { fqid: `@bob:${away.name}` });
  const logName = `!${id}:${home.name}`;
  const invitation = await until(async () => (await away.ask<{ id: string; room_alias: string }[]>('bob', 'GET', '/v1/invitations?limit=200')).find((one) => one.room_alias === logName));
  await away.ask('bob', 'POST', `/v1/invitations/${invitation.id}/accept`);
  const room = await until(async () => (await away.ask<{ id: string; room_alias: string; membership: string }[]>('bob', 'GET', '/v1/rooms?limit=200')).find((one) => one.room_alias === logName && one.membership === 'join'));
  return { home: id, away: room.id, logName };
}

/** Looks again until there is something. */
export async function until<T>(look: () => Promise<T | undefined>, everyMs = 50, withinMs = 30_000): Promise<T> {
  for (const end = Date.now() + withinMs; ; await new Promise((resolve) => setTimeout(resolve, everyMs))) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error('it did not come about');
  }
}
