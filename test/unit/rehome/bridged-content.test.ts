import { expect } from 'chai';
import { bridgedContent, quietMentions } from '../../../src/rehome/bridged-content.js';
import { webAddress } from '../../../src/rehome/shadows.js';

const SENDER = { externalId: 'U1', displayName: 'Ada', avatarUrl: null };
const QUIET = { massMentions: false };

describe('Text from behind a bridge', () => {
  const CASES: readonly (readonly [string, string])[] = [
    ['@everyone', '@\u200beveryone'],
    ['hi @Here!', 'hi @\u200bHere!'],
    ['(@channel)', '(@\u200bchannel)'],
    ['@room @all', '@\u200broom @\u200ball'],
    ['@everyone@here', '@\u200beveryone@\u200bhere'],
    ['@hereford', '@hereford'],
    ['@allison', '@allison'],
    ['me@here.example', 'me@here.example'],
    ['a@everyone', 'a@\u200beveryone'],
    ['a@all.', 'a@\u200ball.'],
    ['first.last+x@all.example', 'first.last+x@all.example'],
    ['@here.example', '@\u200bhere.example'],
    ['@alice', '@alice'],
  ];
  for (const [given, said] of CASES) it(`says ${JSON.stringify(said)} for ${given}`, () => expect(quietMentions(given)).to.equal(said));

  it('is made quiet wherever it stands in a content', () => {
    const content = bridgedContent({ msgtype: 'swp.text', body: '@here', formatted: { html: ['<b>@all</b>', 1, null, true] } }, SENDER, QUIET);
    expect(content['formatted']).to.deep.equal({ html: ['<b>@\u200ball</b>', 1, null, true] });
  });

  it('brings no mentions, no relation and no member of ours', () => {
    const content = bridgedContent({ msgtype: 'swp.text', body: 'x', mentions: ['@a:b'], reply_to_event_id: 'evt-1', _imported_sender: { display_name: 'boss' }, _other: 1 }, SENDER, QUIET);
    expect(content).to.deep.equal({ msgtype: 'swp.text', body: 'x', _imported_sender: { external_id: 'U1', display_name: 'Ada', avatar_url: null } });
  });

  it('names its author in whole characters', () => {
    const named = (displayName: string) => bridgedContent(null, { ...SENDER, displayName }, QUIET)['_imported_sender'];
    expect(named(`x${'\u{1f600}'.repeat(99)}`)).to.have.property('display_name', `x${'\u{1f600}'.repeat(49)}`);
    expect(named('Ada\ud83d \ude00Lovelace')).to.have.property('display_name', 'Ada Lovelace');
    expect(named('\u{1f600}'.repeat(50))).to.have.property('display_name', '\u{1f600}'.repeat(50));
  });

  it('names its author, even of a deletion and without a readable name', () => {
    expect(bridgedContent(null, { ...SENDER, displayName: '\u202e\u0000 ' }, QUIET)).to.deep.equal({ _imported_sender: { external_id: 'U1', display_name: 'U1', avatar_url: null } });
  });

  it('shows pictures that a browser may fetch, and no others', () => {
    expect(webAddress('https://a.example/x.png')).to.equal('https://a.example/x.png');
    for (const url of ['javascript:alert(1)', 'data:image/png,x', 'file:///etc/passwd', 'nothing', `https://a.example/${'x'.repeat(2_000)}`]) expect(webAddress(url), url.slice(0, 30)).to.equal(null);
  });
});
