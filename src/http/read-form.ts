import type { Readable } from 'node:stream';
import busboy from 'busboy';
import { GatewayError } from '../kernel/errors.js';
import { LIMITS } from '../kernel/limits.js';
import type { BodyStream } from './call.js';
import { cutOff } from './read-body.js';
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
  return { name, expectedBytes, chunks: form.content(stream, { [Symbol.asyncIterator]: () => chunks }, body.gone), fields: form.fields };
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
  readonly #closed: Promise<unknown>;
  #fault: GatewayError | undefined;

  constructor(type: string) {
    this.#parser = parserOf(type);
    this.#closed = new Promise((resolve) => this.#parser.once('close', resolve));
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
  async *content(stream: Readable, rest: AsyncIterable<Buffer>, gone: AbortSignal): AsyncGenerator<Buffer> {
    const leave = (): void => this.#end(cutOff());
    gone.addEventListener('abort', leave, { once: true });
    if (gone.aborted) leave();
    const fed = this.#feedAll(rest);
    try {
      for await (const chunk of stream as AsyncIterable<Buffer>) yield chunk;
      await fed;
      this.#check();
    } catch (error) {
      throw this.#fault ?? refuse('The form is not well-formed.', error);
    } finally {
      gone.removeEventListener('abort', leave);
      this.#end();
    }
  }

  /** Never rejects: what went wrong is the fault of the form. */
  async #feedAll(rest: AsyncIterable<Buffer>): Promise<void> {
    try {
      for await (const chunk of rest) {
        await this.#written(chunk);
        if (this.#fault !== undefined || this.#parser.destroyed) break;
      }
      this.#end();
    } catch (error) {
      this.#end(error instanceof GatewayError ? error : refuse('The form is not well-formed.', error));
    }
    await this.#closed;
  }

  /** Nothing more is fed. With the parser goes a file whose part has no end, so that nobody waits for its rest. */
  #end(fault?: GatewayError): void {
    this.#fault ??= fault;
    this.#parser.destroy();
  }

  /** Resolves when the parser has taken it, which waits for the file's reader, or is gone. */
  #written(chunk: Buffer): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#parser.off('close', done);
        resolve();
      };
      this.#parser.once('close', done).write(chunk, done);
    });
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
