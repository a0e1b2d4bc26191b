import { expect } from 'chai';
import { openAdmin } from '../../../src/app.js';
import { loadConfig } from '../../../src/config/config.js';
import type { IdentityView, PeerView } from '../../../src/flows/api/federation-admin.js';
import type { ParticipantView } from '../../../src/flows/api/participants.js';
import { bring, federatedRoom, heard, participantOf } from '../../support/federated.js';
import { federatedPair, type Gateway } from '../../support/gateway.js';
import { Person, type RoomSeen } from '../../support/people.js';
import { expectRefusal } from '../../support/refusals.js';
import { MASTER_KEY_FOR_TESTS } from '../../support/test-keys.js';

describe('POST /v1/admin/federation/foreign/{participant_id}/refresh', function () {
  this.timeout(90_000);
  let a: Gateway;
  let b: Gateway;
  let alice: Person;
  let bob: Person;
  let room: RoomSeen;
  let there: string;
  let shadow: string;

  before(async () => {
    [a, b] = await federatedPair();
    alice = await Person.of(a, 'alice');
    bob = await Person.of(b, 'bob');
    room = await federatedRoom(alice);
    there = await bring(alice, room, bob);
    shadow = await participantOf(alice, room.id, bob.fqid);
  });
  after(() => Promise.all([a.end(), b.end()]));

  const refresh = () => a.ask<ParticipantView>('admin', 'POST', `/v1/admin/federation/foreign/${shadow}/refresh`);
  const named = (name: string) => b.database.asOwner('update participants set display_name = $1 where participant_id = $2', [name, bob.id]);
  const nameShown = async (): Promise<string | undefined> => {
    const members = await alice.do<{ participant: ParticipantView }[]>('GET', `/v1/rooms/${room.id}/members`);
    return members.find(({ participant }) => participant.id === shadow)?.participant.display_name;
  };
  const fingerprint = async (): Promise<string | null | undefined> => (await a.ask<PeerView[]>('admin', 'GET', '/v1/admin/federation/peers')).find(({ server_name: name }) => name === b.name)?.fingerprint;

  it('shows the name that the person has now', async () => {
    await named('Robert');
    expect(await nameShown()).not.to.equal('Robert');
    expect(await refresh()).to.include({ id: shadow, local_id: 'bob', server_name: b.name, display_name: 'Robert' });
    expect(await nameShown()).to.equal('Robert');
  });

  it('shows nothing that could make one name look like another', async () => {
    await named('Ro\u202ebert');
    expect((await refresh()).display_name).to.equal('Robert');
  });

  it('picks up the key to which their server has rotated', async () => {
    const before = await fingerprint();
    await b.stop();
    const admin = await openAdmin(loadConfig({ SCAIWAVE_DB_URL: b.database.appUrl, SCAIWAVE_MASTER_KEY: MASTER_KEY_FOR_TESTS, SCAIWAVE_SERVER_NAME: b.name }));
    await admin.rotateFederationKey(undefined);
    await admin.close();
    await b.start();
    const shown = (await b.ask<IdentityView>('admin', 'GET', '/v1/admin/federation/identity')).fingerprint;
    expect(shown).not.to.equal(before);
    expect(await fingerprint(), 'nobody has told yet').to.equal(before);

    await refresh();
    expect(await fingerprint()).to.equal(shown);
    await bob.says(there, 'under a new key');
    await heard(alice, room.id, 'under a new key');
  });

  it('says so and changes nothing when their server does not answer, and knows nobody of our own', async () => {
    const before = await nameShown();
    await b.stop();
    expectRefusal(await a.call('admin', 'POST', `/v1/admin/federation/foreign/${shadow}/refresh`), 'SW_FED_PEER_UNREACHABLE');
    expect(await nameShown()).to.equal(before);
    expectRefusal(await a.call('admin', 'POST', `/v1/admin/federation/foreign/${alice.id}/refresh`), 'SW_PARTICIPANT_NOT_FOUND');
    await b.start();
  });
});
