import { expect } from 'chai';
import type { ItemResult } from '../../src/protocol/send-answer.js';
import { invitationTo, joinedRoom, PATIENCE_MS } from './federated.js';
import { eventually, gateways, type Gateway } from './gateway.js';
import { HostileHome } from './hostile-home.js';
import { HostilePeer } from './hostile-peer.js';
import { Person } from './people.js';

/** A gateway that mirrors rooms of homes made by hand: of `m.example`, and of `n.example`. */
export class MirrorWorld {
  private constructor(
    readonly a: Gateway,
    readonly mallory: HostilePeer,
    readonly nina: HostilePeer,
    readonly alice: Person,
  ) {}

  static async open(): Promise<MirrorWorld> {
    const [mallory, nina] = await Promise.all([HostilePeer.listen('m.example'), HostilePeer.listen('n.example')]);
    const [a] = (await gateways(['a.example'], { peers: { 'm.example': mallory.url, 'n.example': nina.url }, env: { SCAIWAVE_EGRESS_ALLOW: '127.0.0.1' } })) as [Gateway];
    await a.ask('admin', 'PUT', '/v1/admin/federation/policy', { default_mode: 'open' });
    const alice = await Person.of(a, 'alice');
    for (const peer of [mallory, nina]) await eventually(async () => (await peer.batch(a, [])).body.error?.code !== 'SW_FED_PEER_UNKNOWN', PATIENCE_MS);
    return new MirrorWorld(a, mallory, nina, alice);
  }

  async close(): Promise<void> {
    await this.a.end();
    await Promise.all([this.mallory.close(), this.nina.close()]);
  }

  found(peer = this.mallory): HostileHome {
    return new HostileHome(peer).found();
  }

  async send(item: object, from = this.mallory): Promise<ItemResult> {
    return (await from.results(this.a, [item]))[0] ?? expect.fail('no result');
  }

  /** The last event of `count` that our people have submitted to a home. */
  submitted(home: HostileHome, peer = this.mallory, count = 1): Promise<string> {
    return eventually(async () => {
      const items = peer.items('event', home.log);
      return items.length >= count ? items.at(-1)?.event : undefined;
    }, PATIENCE_MS);
  }

  async invited(home: HostileHome, person: Person, peer = this.mallory): Promise<number> {
    const place = home.add(peer.membership(home.log, 'invite', { target: person.fqid }));
    expect(await this.send(home.news(place), peer)).to.include({ status: 'accepted' });
    return place;
  }

  /** Alice asks to be let in, and the home gives her join a place. */
  async entered(home: HostileHome, peer = this.mallory): Promise<void> {
    await this.alice.do('POST', `/v1/invitations/${(await invitationTo(this.alice, home.log)).id}/accept`);
    home.add(await this.submitted(home, peer));
  }

  /** The room of alice, which begins with her invitation. */
  async mirrored(home: HostileHome, peer = this.mallory, keys: readonly string[] = []): Promise<string> {
    const place = await this.invited(home, this.alice, peer);
    await this.entered(home, peer);
    expect(await peer.results(this.a, [home.start(place - 1)], keys)).to.deep.equal([{ status: 'accepted' }]);
    expect(await this.send(home.run(place), peer)).to.include({ status: 'stored' });
    return (await joinedRoom(this.alice, home.log)).id;
  }
}

/** Codes of the places of a stored run whose content was not kept. */
export function withheldOf(result: ItemResult): readonly string[] {
  return result.status === 'stored' ? result.withheld.map(({ code }) => code) : expect.fail(JSON.stringify(result));
}
