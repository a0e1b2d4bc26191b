import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { access, mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { LIMITS } from '../../src/kernel/limits.js';
import { eventually, gateways, type Gateway } from '../support/gateway.js';
import { Person } from '../support/people.js';
import { rawExchange } from '../support/raw-http.js';
import { counted, filesOf, FORM_BEHIND_ITS_END, limitStorage, putForm, putRaw, request, seen, storageBytes, type MediaSeen } from '../support/uploads.js';

const PNG = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), randomBytes(100)]);
const HTML = Buffer.from('<script>alert(document.domain)</script>');

describe('files', function () {
  this.timeout(60_000);
  let node: Gateway;
  let ann: Person;
  let bob: Person;

  before(async () => {
    const [only] = await gateways(['first.example']);
    if (only === undefined) throw new Error('one gateway');
    node = only;
    [ann, bob] = [await Person.of(node, 'ann'), await Person.of(node, 'bob')];
  });
  after(() => node.end());

  const upload = async (bytes: Buffer = randomBytes(1_000), query = '?name=a.bin'): Promise<MediaSeen> => seen(await putRaw(node, 'ann', bytes, query));
  const get = (who: string | null, path: string, headers: Readonly<Record<string, string>> = {}): ReturnType<typeof request> => request(node, who, 'GET', path, { headers });
  const download = (who: string, { media_id }: MediaSeen, headers: Readonly<Record<string, string>> = {}): ReturnType<typeof request> => get(who, `/v1/media/download/${media_id}`, headers);

  describe('come in', () => {
    it('as the body itself, and go out byte for byte', async () => {
      const bytes = randomBytes(300_000);
      const media = await upload(bytes, '?name=data.bin');
      expect(media).to.include({ sha256: createHash('sha256').update(bytes).digest('hex'), size: bytes.length, name: 'data.bin', mime_type: 'application/octet-stream', uploaded_by: ann.id, tenant_scope: false });
      expect((await download('ann', media)).bytes.equals(bytes)).to.equal(true);
      expect(JSON.parse((await get('ann', `/v1/media/${media.media_id}/info`)).bytes.toString())).to.deep.include({ data: media });
    });

    it('as the part of a form, whatever else is in it', async () => {
      for (const size of [1, 10, 65_536, 1_000_001]) {
        const bytes = randomBytes(size);
        const media = seen(await putForm(node, 'ann', bytes, 'naïve Überraschung.bin', { tenant_scope: 'true', other: 'x' }));
        expect(media).to.include({ size, name: 'naïve Überraschung.bin', tenant_scope: true });
        expect((await download('bob', media)).bytes.equals(bytes)).to.equal(true);
      }
    });

    it('with bytes that look like the end of a form', async () => {
      const bytes = Buffer.concat([Buffer.from('\r\n--'), randomBytes(70_000), Buffer.from('\r\n--\r\n\r')]);
      expect((await download('ann', seen(await putForm(node, 'ann', bytes, 'a')))).bytes.equals(bytes)).to.equal(true);
    });

    it('without a length, in pieces', async () => {
      const pieces = [randomBytes(5), randomBytes(2_000_000), randomBytes(9)];
      const body = new ReadableStream({ start: (to) => (pieces.forEach((piece) => to.enqueue(piece)), to.close()) });
      const response = await fetch(`${node.url}/v1/media/upload`, { method: 'POST', headers: { authorization: 'Bearer mock:first:ann' }, body, duplex: 'half' });
      expect(((await response.json()) as { data: MediaSeen }).data.size).to.equal(2_000_014);
      expect(await counted(node.database)).to.satisfy(([counter, rows]: readonly number[]) => counter === rows);
    });

    it('with a type by their bytes, never by what is said of them', async () => {
      const asHtml = { 'content-type': 'text/html' };
      expect((await putRaw(node, 'ann', PNG, '?name=a.html', asHtml).then(seen)).mime_type).to.equal('image/png');
      expect((await putRaw(node, 'ann', HTML, '?name=a.png', { 'content-type': 'image/png' }).then(seen)).mime_type).to.equal('text/plain; charset=utf-8');
    });

    it('with a name that is one, and no path', async () => {
      const names: readonly (readonly [given: string, kept: string])[] = [
        ['../../etc/passwd', 'passwd'], ['C:\\Users\\a\\b.txt', 'b.txt'], ['..', 'file'], ['a\u202egnp.exe', 'agnp.exe'], ['  a \t b  ', 'a b'], [`${'x'.repeat(300)}.png`, `${'x'.repeat(LIMITS.mediaNameCharsMax - 4)}.png`],
      ];
      for (const [given, kept] of names) expect(seen(await putForm(node, 'ann', PNG, given)).name, given).to.equal(kept);
      expect((await upload(PNG, '')).name).to.equal('file');
    });
  });

  describe('are refused, and leave nothing', () => {
    let before: readonly [readonly string[], number];
    beforeEach(async () => {
      before = [await filesOf(node), await storageBytes(node.database)];
    });
    afterEach(async () => {
      expect([await filesOf(node), await storageBytes(node.database)]).to.deep.equal(before);
      expect(await node.database.asOwner("select 1 from media where state <> 'kept'")).to.deep.equal([]);
    });

    const refused: readonly (readonly [title: string, send: () => ReturnType<typeof request>, status: number, code: string])[] = [
      ['an empty body', () => putRaw(node, 'ann', Buffer.alloc(0)), 400, 'SW_BAD_REQUEST'],
      ['an empty file in a form', () => putForm(node, 'ann', Buffer.alloc(0), 'a'), 400, 'SW_BAD_REQUEST'],
      ['nobody', () => request(node, null, 'POST', '/v1/media/upload', { body: new Uint8Array(PNG) }), 401, 'SW_AUTH_INVALID_TOKEN'],
      ['a form without a file', () => request(node, 'ann', 'POST', '/v1/media/upload', { body: formOf({ a: 'b' }) }), 400, 'SW_BAD_REQUEST'],
      ['a form with two files', () => request(node, 'ann', 'POST', '/v1/media/upload', { body: formOf({ file: new Blob(['one']), second: new Blob(['two']) }) }), 400, 'SW_BAD_REQUEST'],
      ['a file in the wrong part', () => request(node, 'ann', 'POST', '/v1/media/upload', { body: formOf({ other: new Blob(['one']) }) }), 400, 'SW_BAD_REQUEST'],
      ['a field that is too long', () => request(node, 'ann', 'POST', '/v1/media/upload', { body: formOf({ file: new Blob(['one']), long: 'x'.repeat(2_000) }) }), 400, 'SW_BAD_REQUEST'],
      ['a wrong tenant_scope behind the file', () => request(node, 'ann', 'POST', '/v1/media/upload', { body: formOf({ file: new Blob(['one']), tenant_scope: 'maybe' }) }), 400, 'SW_BAD_REQUEST'],
      ['a form without its end', () => putRaw(node, 'ann', Buffer.from('--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nbytes'), '', { 'content-type': 'multipart/form-data; boundary=x' }), 400, 'SW_BAD_REQUEST'],
      ['a form that goes on behind its end', () => putRaw(node, 'ann', Buffer.from(FORM_BEHIND_ITS_END), '', { 'content-type': 'multipart/form-data; boundary=XX' }), 400, 'SW_BAD_REQUEST'],
      ['a form without its end, behind a whole file', () => putRaw(node, 'ann', Buffer.from('--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nbytes\r\n--x\r\n'), '', { 'content-type': 'multipart/form-data; boundary=x' }), 400, 'SW_BAD_REQUEST'],
      ['a form without a boundary', () => putRaw(node, 'ann', PNG, '', { 'content-type': 'multipart/form-data; a=b' }), 400, 'SW_BAD_REQUEST'],
      ['a packed body', () => putRaw(node, 'ann', PNG, '', { 'content-encoding': 'gzip' }), 415, 'SW_UNSUPPORTED_MEDIA_TYPE'],
    ];
    for (const [title, send, status, code] of refused) {
      it(title, async () => {
        expect(await send()).to.include({ status, code });
      });
    }

    it('what says to be too large, before a byte of it is sent', async () => {
      const head = (length: number): string => `POST /v1/media/upload HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer mock:first:ann\r\nExpect: 100-continue\r\nContent-Length: ${length}\r\n\r\n`;
      const port = Number(new URL(node.url).port);
      const tooLong = await rawExchange(port, head(LIMITS.mediaBytesMax + 1));
      expect([tooLong.status, (JSON.parse(tooLong.body) as { error: { code: string } }).error.code]).to.deep.equal([413, 'SW_BODY_TOO_LARGE']);
      await limitStorage(node.database, 100);
      const tooMuch = await rawExchange(port, head(101 * 1_048_576));
      await limitStorage(node.database, 10_240);
      expect([tooMuch.status, (JSON.parse(tooMuch.body) as { error: { code: string } }).error.code]).to.deep.equal([409, 'SW_TENANT_CAPACITY']);
    });
  });

  describe('go out', () => {
    const bytes = Buffer.from('0123456789');
    let media: MediaSeen;
    before(async () => {
      media = await upload(bytes, '?name=digits.txt');
    });

    it('with headers that let a browser run nothing of them', async () => {
      const { headers } = await download('ann', await upload(HTML, '?name=a.html'));
      expect(headers.get('content-type')).to.equal('text/html; charset=utf-8');
      expect(headers.get('content-disposition')).to.equal('attachment; filename=a.html');
      expect(headers.get('x-content-type-options')).to.equal('nosniff');
      expect(headers.get('content-security-policy')).to.equal("default-src 'none'; sandbox");
      expect(headers.get('cache-control')).to.equal('private, no-cache');
      const svg = await download('ann', await upload(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), '?name=a.svg'));
      expect([svg.headers.get('content-type'), svg.headers.get('content-disposition')]).to.deep.equal(['image/svg+xml', 'attachment; filename=a.svg']);
      expect((await download('ann', await upload(PNG, '?name=a.png'))).headers.get('content-disposition')).to.equal('inline; filename=a.png');
    });

    const ranges: readonly (readonly [range: string, status: number, body: string, contentRange: string | null])[] = [
      ['bytes=2-4', 206, '234', 'bytes 2-4/10'],
      ['bytes=7-', 206, '789', 'bytes 7-9/10'],
      ['bytes=-3', 206, '789', 'bytes 7-9/10'],
      ['bytes=-100', 206, '0123456789', 'bytes 0-9/10'],
      ['bytes=-99999999999999999999', 206, '0123456789', 'bytes 0-9/10'],
      ['bytes=-0', 416, '', 'bytes */10'],
      ['bytes=0-99', 206, '0123456789', 'bytes 0-9/10'],
      ['bytes=10-', 416, '', 'bytes */10'],
      ['bytes=0-1,5-6', 200, '0123456789', null],
      ['lines=1-2', 200, '0123456789', null],
      ['bytes=b-a', 200, '0123456789', null],
    ];
    for (const [range, status, body, contentRange] of ranges) {
      it(`${range}: ${status}`, async () => {
        const reply = await download('ann', media, { range });
        expect([reply.status, reply.bytes.toString(), reply.headers.get('content-range')]).to.deep.equal([status, body, contentRange]);
      });
    }

    it('not again to who has them, and whole where the range is of another file', async () => {
      const { headers } = await download('ann', media);
      const etag = headers.get('etag') ?? '';
      expect(etag).to.equal(`"${media.sha256}"`);
      expect(await download('ann', media, { 'if-none-match': etag })).to.include({ status: 304 });
      expect((await download('ann', media, { range: 'bytes=0-0', 'if-range': etag })).status).to.equal(206);
      expect((await download('ann', media, { range: 'bytes=0-0', 'if-range': '"another"' })).status).to.equal(200);
    });

    it('as a head alone', async () => {
      const reply = await request(node, 'ann', 'HEAD', `/v1/media/download/${media.media_id}`);
      expect([reply.status, reply.headers.get('content-length'), reply.bytes.length]).to.deep.equal([200, '10', 0]);
    });
  });

  describe('are read', () => {
    it('by their uploader alone, until a message names them', async () => {
      const media = await upload();
      expect(await download('bob', media)).to.include({ status: 404, code: 'SW_MEDIA_NOT_FOUND' });
      expect(await download('admin', media)).to.include({ status: 404, code: 'SW_MEDIA_NOT_FOUND' });
      const room = await ann.room();
      await ann.brings(room.id, bob);
      await ann.do('POST', `/v1/rooms/${room.id}/send`, { content: { msgtype: 'swp.media', media_id: media.media_id } });
      expect((await download('bob', media)).status).to.equal(200);
      expect(await download('carol', media)).to.include({ status: 404, code: 'SW_MEDIA_NOT_FOUND' });
    });

    it('by nobody through a message of somebody who may not read them', async () => {
      const media = await upload();
      const room = await bob.room();
      const answer = await bob.try('POST', `/v1/rooms/${room.id}/send`, { content: { msgtype: 'swp.media', media_id: media.media_id } });
      expect(answer.body.error?.code).to.equal('SW_MEDIA_NOT_FOUND');
      expect(await download('bob', media)).to.include({ status: 404 });
    });

    it('by whoever they were passed on to, and by who came after as far as they may read the room', async () => {
      const media = await upload();
      const [one, two] = [await ann.room(), await bob.room()];
      await ann.brings(one.id, bob);
      await ann.do('POST', `/v1/rooms/${one.id}/send`, { content: { media_id: media.media_id } });
      const carol = await Person.of(node, 'carol');
      await ann.brings(one.id, carol);
      expect((await download('carol', media)).status).to.equal(404);
      await bob.brings(two.id, carol);
      await bob.do('POST', `/v1/rooms/${two.id}/send`, { content: { msgtype: 'swp.media', thumbnail_id: media.media_id } });
      expect((await download('carol', media)).status).to.equal(200);
    });
  });

  describe('have links', () => {
    const linkOf = async (media: MediaSeen, query = ''): Promise<string> => (JSON.parse((await get('ann', `/v1/media/signed/${media.media_id}${query}`)).bytes.toString()) as { data: { url: string } }).data.url;

    it('that need no token, and end', async () => {
      const media = await upload(PNG);
      const url = await linkOf(media);
      expect((await get(null, url)).bytes.equals(PNG)).to.equal(true);
      expect((await get(null, url)).headers.get('referrer-policy')).to.equal('no-referrer');
      await request(node, 'ann', 'DELETE', `/v1/media/${media.media_id}`);
      expect(await get(null, url)).to.include({ status: 404, code: 'SW_MEDIA_NOT_FOUND' });
    });

    it('that nobody can change or make', async () => {
      const url = await linkOf(await upload());
      const token = url.split('/').at(-1) ?? '';
      const bytes = Buffer.from(token, 'base64url');
      for (const at of [0, 1, 17, 38, 39, bytes.length - 1]) {
        const changed = Buffer.from(bytes);
        changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
        expect(await get(null, `/v1/media/links/${changed.toString('base64url')}`), `byte ${at}`).to.include({ status: 403, code: 'SW_MEDIA_LINK' });
      }
      for (const other of ['x', `${token}A`, token.slice(1), '%20']) expect(await get(null, `/v1/media/links/${other}`)).to.include({ status: 403, code: 'SW_MEDIA_LINK' });
      expect(await get('bob', `/v1/media/signed/${(await upload()).media_id}`)).to.include({ status: 404, code: 'SW_MEDIA_NOT_FOUND' });
    });

    it('that expire', async () => {
      const url = await linkOf(await upload(), '?expires_in=1');
      expect((await get('ann', `/v1/media/signed/${(await upload()).media_id}?expires_in=3601`)).code).to.equal('SW_BAD_REQUEST');
      for (;;) {
        const reply = await get(null, url);
        if (reply.status === 403) return expect(reply.code).to.equal('SW_MEDIA_LINK');
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    });
  });

  describe('are deleted', () => {
    it('by their uploader, with their bytes, and give their place back', async () => {
      const bytesBefore = await storageBytes(node.database);
      const media = await upload();
      expect(await storageBytes(node.database)).to.equal(bytesBefore + media.size);
      expect((await request(node, 'ann', 'DELETE', `/v1/media/${media.media_id}`)).status).to.equal(200);
      expect(await storageBytes(node.database)).to.equal(bytesBefore);
      expect(await filesOf(node)).not.to.include(media.media_id);
      expect(await request(node, 'ann', 'DELETE', `/v1/media/${media.media_id}`)).to.include({ status: 404, code: 'SW_MEDIA_NOT_FOUND' });
      expect((await download('ann', media)).status).to.equal(404);
    });

    it('by an administrator, and by nobody else', async () => {
      const media = seen(await putRaw(node, 'ann', PNG, '?tenant_scope=true'));
      expect(await request(node, 'bob', 'DELETE', `/v1/media/${media.media_id}`)).to.include({ status: 403, code: 'SW_AUTH_INSUFFICIENT_PERMISSION' });
      const hidden = await upload();
      expect(await request(node, 'bob', 'DELETE', `/v1/media/${hidden.media_id}`)).to.include({ status: 404, code: 'SW_MEDIA_NOT_FOUND' });
      expect((await request(node, 'admin', 'DELETE', `/v1/admin/media/${media.media_id}`)).status).to.equal(200);
      expect((await request(node, 'admin', 'DELETE', `/v1/media/${hidden.media_id}`)).status).to.equal(200);
      expect(await filesOf(node)).not.to.include.members([media.media_id, hidden.media_id]);
      const audit = await node.database.asOwner<{ act: string; target: string; uploader: string }>("select act, target, detail ->> 'uploaded_by' as uploader from audit where act like 'media.%' order by seq");
      expect(audit).to.deep.equal([media, hidden].map(({ media_id }) => ({ act: 'media.deleted', target: media_id, uploader: ann.id })));
    });

    it('with the last message that named them, and not before', async () => {
      const [shared, everybodys] = [await upload(), seen(await putRaw(node, 'ann', PNG, '?tenant_scope=true'))];
      const room = await ann.room();
      await ann.brings(room.id, bob);
      const says = async (media: MediaSeen): Promise<string> => (await ann.do<{ id: string }>('POST', `/v1/rooms/${room.id}/send`, { content: { media_id: media.media_id } })).id;
      const [first, second, third] = [await says(shared), await says(shared), await says(everybodys)];
      const sweeps = async (): Promise<void> => {
        await node.database.asOwner("update consumers set due_at = now() where consumer_id = 'duty:media-sweep'");
        await eventually(async () => (await node.database.asOwner('select 1 from media_unnamed')).length === 0);
      };
      for (const event of [first, third]) await ann.do('POST', `/v1/rooms/${room.id}/events/${event}/redact`);
      await sweeps();
      expect((await download('bob', shared)).status).to.equal(200);
      expect((await download('bob', everybodys)).status).to.equal(200);
      const bytesBefore = await storageBytes(node.database);
      await ann.do('POST', `/v1/rooms/${room.id}/events/${second}/redact`);
      expect((await download('bob', shared)).status).to.equal(404);
      await sweeps();
      await eventually(async () => !(await filesOf(node)).includes(shared.media_id));
      expect(await storageBytes(node.database)).to.equal(bytesBefore - shared.size);
      expect((await download('ann', shared)).status).to.equal(404);
    });

    it('and listed until then, for their uploader and for administrators', async () => {
      const media = await upload();
      const listed = async (who: string, path: string): Promise<readonly string[]> => (JSON.parse((await get(who, path)).bytes.toString()) as { data: MediaSeen[] }).data.map(({ media_id }) => media_id);
      expect((await listed('ann', '/v1/media?limit=1'))[0]).to.equal(media.media_id);
      expect(await listed('bob', '/v1/media')).to.deep.equal([]);
      expect((await listed('admin', '/v1/admin/media?limit=1'))[0]).to.equal(media.media_id);
    });
  });

  describe('that a crash left between a row and its file', () => {
    const DAY_MS = LIMITS.mediaOrphanMs;
    let tenant: string;

    before(async () => {
      tenant = (await node.database.asOwner<{ tenant_id: string }>("select tenant_id from tenants where slug = 'first'"))[0]?.tenant_id ?? '';
    });

    const pathOf = (mediaId: string): string => join(node.dataDir, 'media', tenant, mediaId.slice('med-'.length, 'med-'.length + 2), mediaId.slice('med-'.length));
    /** Puts bytes where those of a file would be, `ageMs` old. */
    async function leave(path: string, ageMs: number): Promise<void> {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, 'left behind');
      await age(path, ageMs);
    }
    const age = (path: string, ageMs: number): Promise<void> => utimes(path, new Date(), new Date(Date.now() - ageMs));
    const exists = (path: string): Promise<boolean> => access(path).then(() => true, () => false);

    /** One whole run of the sweep, begun and ended from here on. */
    async function swept(): Promise<void> {
      const sweep = "consumer_id = 'duty:media-sweep'";
      const before = await eventually(async () => (await node.database.asOwner<{ token: string }>(`update consumers set due_at = now(), again = true where ${sweep} and not leased returning token`))[0]);
      await eventually(async () => (await node.database.asOwner(`select 1 from consumers where ${sweep} and token > $1 and not leased and not again`, [before.token])).length === 1);
    }

    it('goes when it is a file of no row and a day old; what is younger, has a row or is nothing of ours stays', async () => {
      const kept = await upload();
      await age(pathOf(kept.media_id), 2 * DAY_MS);
      const [orphan, young] = [`med-${randomUUID()}`, `med-${randomUUID()}`];
      const foreign = join(dirname(pathOf(orphan)), 'lost+found');
      await leave(pathOf(orphan), DAY_MS + 60_000);
      await leave(pathOf(young), DAY_MS - 3_600_000);
      await leave(foreign, 2 * DAY_MS);
      const before = await storageBytes(node.database);
      await swept();
      expect(await Promise.all([orphan, young, kept.media_id].map(pathOf).concat(foreign).map(exists))).to.deep.equal([false, true, true, true]);
      expect((await download('ann', kept)).status).to.equal(200);
      expect(await storageBytes(node.database)).to.equal(before);
      await Promise.all([pathOf(young), foreign].map((path) => rm(path)));
    });

    it('goes when it is a row: of an upload before its first byte, and of a deletion before or after the bytes went', async () => {
      const before = await storageBytes(node.database);
      const begun = `med-${randomUUID()}`;
      await node.database.asOwner(
        `insert into media (tenant_id, media_id, participant_id, state, bytes, name, created_at, lease_until) values ($1, $2, $3, 'uploading', 700, 'a', 1, now() - interval '1 second')`,
        [tenant, begun, ann.id],
      );
      await node.database.asOwner('update tenant_usage set storage_bytes = storage_bytes + 700 where tenant_id = $1', [tenant]);
      const [withBytes, without] = [await upload(), await upload()];
      for (const { media_id, size } of [withBytes, without]) {
        await node.database.asOwner("update media set state = 'erasing', bytes = 0 where media_id = $1", [media_id]);
        await node.database.asOwner('update tenant_usage set storage_bytes = storage_bytes - $2 where tenant_id = $1', [tenant, size]);
      }
      await rm(pathOf(without.media_id));
      await swept();
      expect(await node.database.asOwner('select media_id from media where media_id = any ($1)', [[begun, withBytes.media_id, without.media_id]])).to.deep.equal([]);
      expect(await exists(pathOf(withBytes.media_id))).to.equal(false);
      expect(await storageBytes(node.database)).to.equal(before);
    });

    it('stays when it is the row of a kept file, for the disk may come back', async () => {
      const media = await upload();
      const bytes = await readFile(pathOf(media.media_id));
      await rm(pathOf(media.media_id));
      await swept();
      expect(await download('ann', media)).to.include({ status: 404, code: 'SW_MEDIA_NOT_FOUND' });
      await writeFile(pathOf(media.media_id), bytes);
      expect((await download('ann', media)).bytes.equals(bytes)).to.equal(true);
    });
  });
});

function formOf(parts: Readonly<Record<string, string | Blob>>): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(parts)) form.append(name, value);
  return form;
}
