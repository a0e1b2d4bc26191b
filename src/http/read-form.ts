import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import busboy from 'busboy';
import { GatewayError } from '../kernel/errors.js';
import { LIMITS } from '../kernel/limits.js';
import type { BodyStream } from './call.js';
import type { UploadedFile } from './read-file.js';

/** The part that is the file. */
const FILE = 'file';

function refuse(publicDetail: string, cause?: unknown): GatewayError {
  return new GatewayError('SW_BAD_REQUEST', 'form', { publicDetail, cause });
}

/** Reads a form up to the first byte of its file; what follows is read as the file is. */
export async function readForm(body: BodyStream, type: string): Promise<UploadedFile> {
  const form = new Form(type);
  const chunks = body.chunks[Symbol.asyncIterator]();
  let fedBytes = 0;
  while (form.file === undefined) {
    const next = await chunks.next();
    if (next.done === true) throw refuse(`The form has no part named ${FILE}.`);
    fedBytes += next.value.length;
    form.feed(next.value);
  }
  const { name, stream } = form.file;
  const expectedBytes = body.lengthBytes === null ? null : stream.readableLength + restOf(body.lengthBytes - fedBytes, type);
  return { name, expectedBytes, chunks: form.content(stream, { [Symbol.asyncIterator]: () => chunks }), fields: form.fields };
}

/** Of the bytes still to come, those that are the file's: behind it stands the last boundary. */
function restOf(bytes: number, type: string): number {
  const boundary = /boundary=(?:"([^"]*)"|([^;\s]*))/i.exec(type);
  const closing = `\r\n--${boundary?.[1] ?? boundary?.[2] ?? ''}--\r\n`;
  return Math.max(0, bytes - closing.length);
}

class Form {
  readonly fields = new Map<string, string>();
  file: { readonly name: string | null; readonly stream: Readable } | undefined;
  readonly #parser: busboy.Busboy;
  #fault: GatewayError | undefined;

  constructor(type: string) {
    this.#parser = parserOf(type);
    const fault = (detail: string) => (cause?: unknown) => void (this.#fault ??= refuse(detail, cause));
    this.#parser
      .on('file', (part, stream, { filename }: { filename?: string }) => {
        if (part === FILE) this.file = { name: filename ?? null, stream };
        else fault(`The file must be the part named ${FILE}.`)();
      })
      .on('field', (name, value, { valueTruncated }) => {
        if (valueTruncated) fault('A field of the form is too long.')();
        this.fields.set(name, value);
      })
      .on('filesLimit', fault('One file at a time.'))
      .on('fieldsLimit', fault('The form has too many fields.'))
      .on('partsLimit', fault('The form has too many parts.'))
      .on('error', fault('The form is not well-formed.'));
  }

  feed(chunk: Buffer): void {
    this.#parser.write(chunk);
    this.#check();
  }

  /** The file's bytes. Ends well only when the whole form did. */
  async *content(stream: Readable, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    const over = new AbortController();
    const fed = pipeline(Readable.from(rest), this.#parser, { signal: over.signal }).then(
      () => undefined,
      (error: unknown) => (error instanceof GatewayError ? error : refuse('The form is not well-formed.', error)),
    );
    try {
      for await (const chunk of stream as AsyncIterable<Buffer>) yield chunk;
      const fault = await fed;
      if (fault !== undefined) throw fault;
      this.#check();
    } catch (error) {
      throw error instanceof GatewayError ? error : (this.#fault ?? refuse('The form is not well-formed.', error));
    } finally {
      over.abort();
    }
  }

  #check(): void {
    if (this.#fault !== undefined) throw this.#fault;
  }
}

function parserOf(type: string): busboy.Busboy {
  try {
    return busboy({
      headers: { 'content-type': type },
      defParamCharset: 'utf8',
      limits: { files: 1, fields: LIMITS.mediaFormFieldsMax, fieldSize: LIMITS.mediaFormFieldBytesMax, parts: LIMITS.mediaFormFieldsMax + 1 },
    });
  } catch (cause) {
    throw refuse('The form names no boundary.', cause);
  }
}
