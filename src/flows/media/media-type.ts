/** What the first bytes of a file say it is. `at`: where the bytes stand. */
interface Signature {
  readonly type: string;
  readonly at: number;
  readonly bytes: Buffer;
  /** More that must be there. */
  readonly and?: { readonly at: number; readonly bytes: Buffer };
}

function sign(type: string, bytes: string | readonly number[], at = 0, and?: readonly [at: number, bytes: string]): Signature {
  const buffer = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : Buffer.from(bytes);
  return { type, at, bytes: buffer, ...(and === undefined ? {} : { and: { at: and[0], bytes: Buffer.from(and[1], 'latin1') } }) };
}

/** Types that browsers show, and a few that readers want to tell apart. Nothing here looks further than these bytes. */
const SIGNATURES: readonly Signature[] = [
  sign('image/png', '\x89PNG\r\n\x1a\n'),
  sign('image/jpeg', [0xff, 0xd8, 0xff]),
  sign('image/gif', 'GIF87a'),
  sign('image/gif', 'GIF89a'),
  sign('image/webp', 'RIFF', 0, [8, 'WEBP']),
  sign('image/avif', 'ftypavif', 4),
  sign('audio/wav', 'RIFF', 0, [8, 'WAVE']),
  sign('audio/mpeg', 'ID3'),
  sign('audio/mpeg', [0xff, 0xfb]),
  sign('audio/flac', 'fLaC'),
  sign('audio/ogg', 'OggS'),
  sign('audio/mp4', 'ftypM4A', 4),
  sign('video/quicktime', 'ftypqt', 4),
  sign('video/mp4', 'ftyp', 4),
  sign('video/webm', [0x1a, 0x45, 0xdf, 0xa3]),
  sign('application/pdf', '%PDF-'),
  sign('application/zip', 'PK\x03\x04'),
  sign('application/zip', 'PK\x05\x06'),
  sign('application/gzip', [0x1f, 0x8b]),
  sign('application/x-7z-compressed', [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c]),
];

const TEXT = 'text/plain; charset=utf-8';
const UNKNOWN = 'application/octet-stream';

/** A name may say more of what the bytes have been seen to be, never something else; none of these is shown inline. */
const NARROWED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'application/zip': {
    docx: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
    xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
    pptx: 'application/vnd.openxmlformats-officedocument.presentationml.presentation',
    odt: 'application/vnd.oasis.opendocument.text',
    ods: 'application/vnd.oasis.opendocument.spreadsheet',
    odp: 'application/vnd.oasis.opendocument.presentation',
    epub: 'application/epub+zip',
  },
  [TEXT]: {
    csv: 'text/csv; charset=utf-8',
    md: 'text/markdown; charset=utf-8',
    json: 'application/json',
    html: 'text/html; charset=utf-8',
    htm: 'text/html; charset=utf-8',
    svg: 'image/svg+xml',
    xml: 'application/xml',
  },
};

/** A browser shows these without running anything in them. All others it must save. */
const INLINE: ReadonlySet<string> = new Set([
  'image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/avif', 'audio/wav', 'audio/mpeg', 'audio/flac', 'audio/ogg', 'audio/mp4',
  'video/mp4', 'video/quicktime', 'video/webm', TEXT,
]);

/** The type of a file by its first bytes; what its sender says of it is not asked. */
export function mediaType(sample: Buffer, name: string): string {
  const seen = SIGNATURES.find((signature) => matches(sample, signature))?.type ?? (isText(sample) ? TEXT : UNKNOWN);
  const extension = /\.([a-z0-9]+)$/i.exec(name)?.[1]?.toLowerCase() ?? '';
  const narrowed = NARROWED[seen];
  return narrowed !== undefined && Object.hasOwn(narrowed, extension) ? (narrowed[extension] ?? seen) : seen;
}

export function isShownInline(type: string): boolean {
  return INLINE.has(type);
}

function matches(sample: Buffer, { at, bytes, and }: Signature): boolean {
  const holds = (from: number, wanted: Buffer): boolean => sample.subarray(from, from + wanted.length).equals(wanted);
  return holds(at, bytes) && (and === undefined || holds(and.at, and.bytes));
}

/** UTF-8 without controls but those of lines and tabs. The sample may end inside a character. */
function isText(sample: Buffer): boolean {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(sample, { stream: true });
    return !/(?![\t\n\f\r])\p{Cc}/u.test(text);
  } catch {
    return false;
  }
}
