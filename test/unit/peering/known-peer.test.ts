import { KeyObject } from 'node:crypto';
import { expect } from 'chai';
import { firstSight, judged, keyAt, type KnownPeer } from '../../../src/peering/known-peer.js';
import { readDescriptor } from '../../../src/protocol/descriptor.js';
import { FakePeer } from '../../support/fake-peer.js';
import { contract } from '../../support/fixtures.js';

const DAY_MS = 86_400_000;

describe('A peer that we know', () => {
  let nowMs: number;
  let peer: FakePeer;
  let known: KnownPeer;

  beforeEach(async () => {
    nowMs = 1_700_000_000_000;
    peer = new FakePeer('b.example', () => nowMs);
    known = firstSight(await shown());
  });

  const shown = () => readDescriptor(contract, peer.document(), peer.server);
  /** What becomes of it after the peer has described itself again. */
  async function again(): Promise<string> {
    const verdict = judged(known, await shown());
    if (verdict.verdict === 'trusted') known = verdict.peer;
    return verdict.verdict === 'contradiction' ? verdict.why : verdict.verdict;
  }

  it('does not bring back a key from before it began anew, at once or later', async () => {
    const lost = peer.current;
    nowMs += DAY_MS;
    peer.beginAnew('announced');
    expect(await again()).to.equal('trusted');
    peer.rotate();
    expect(await again()).to.equal('trusted');
    peer.takeBack(lost);
    expect(await again()).to.equal('an old key comes back');
    expect(keyAt(known, lost.keyId, 'request', nowMs)).to.equal('unknown');
  });

  it('goes on from where it began anew, and what it signed before still stands', async () => {
    const lost = peer.current;
    nowMs += DAY_MS;
    peer.beginAnew('announced');
    await again();
    peer.rotate();
    expect(await again()).to.equal('trusted');
    peer.beginAnew('announced');
    expect(await again()).to.equal('trusted');
    expect(keyAt(known, peer.current.keyId, 'request', nowMs)).to.be.instanceOf(KeyObject);
    expect(keyAt(known, lost.keyId, 'stored', nowMs - DAY_MS)).to.be.instanceOf(KeyObject);
    expect(keyAt(known, lost.keyId, 'stored', nowMs)).to.equal('not-valid');
  });
});
