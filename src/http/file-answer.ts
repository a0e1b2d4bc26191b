import { create as contentDisposition } from 'content-disposition';
import fresh from 'fresh';
import parseRange from 'range-parser';
import type { ByteRange } from '../kernel/ports.js';
import type { StoredFile } from '../flows/api/media.js';
import type { Answer, Call } from './call.js';

/**
 * Whatever a stranger put into a file, a browser that shows it runs nothing of it, and nothing of it reaches the page
 * that led there. It may be kept, and is asked for anew each time, since who may read it can change.
 */
const SAFELY = Object.freeze({
  'content-security-policy': "default-src 'none'; sandbox",
  'cross-origin-opener-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'cache-control': 'private, no-cache',
  'accept-ranges': 'bytes',
});

/** A file as HTTP has it: whole, one range of it, or nothing because the reader has it already. */
export async function fileAnswer(file: StoredFile, { headers, method }: Pick<Call, 'headers' | 'method'>): Promise<Answer> {
  const etag = `"${file.sha256}"`;
  const always = { ...SAFELY, etag };
  if (fresh({ 'if-none-match': headers['if-none-match'] ?? '' }, { etag })) return { status: 304, headers: { ...always, 'content-length': String(file.size) }, body: '' };

  const range = method === 'GET' ? wantedRange(file.size, headers, etag) : undefined;
  if (range === 'none') return { status: 416, headers: { ...always, 'content-range': `bytes */${file.size}` }, body: '' };
  const { start, end } = range ?? { start: 0, end: file.size - 1 };
  const described = {
    ...always,
    'content-type': file.mimeType,
    'content-disposition': contentDisposition(file.name, { type: file.inline ? 'inline' : 'attachment' }),
    'content-length': String(end - start + 1),
    ...(range === undefined ? {} : { 'content-range': `bytes ${start}-${end}/${file.size}` }),
  };
  const status = range === undefined ? 200 : 206;
  if (method === 'HEAD') return { status, headers: described, body: '' };
  return { status, headers: described, body: '', stream: await file.open({ start, end }) };
}

/** Several ranges at once are answered with the whole, as RFC 9110 allows. */
function wantedRange(size: number, headers: Call['headers'], etag: string): ByteRange | 'none' | undefined {
  const asked = headers['range'];
  const condition = headers['if-range'];
  if (asked === undefined || (condition !== undefined && condition !== etag)) return undefined;
  const ranges = parseRange(size, withinFile(size, asked), { combine: true });
  if (ranges === -1) return 'none';
  if (ranges === -2 || ranges.type !== 'bytes' || ranges.length !== 1) return undefined;
  return ranges[0];
}

/** More of its end than a file has is all of it. */
function withinFile(size: number, asked: string): string {
  return asked.replace(/([=,]\s*)-(\d+)/g, (_, before: string, length: string) => `${before}-${Math.min(size, Number(length))}`);
}
