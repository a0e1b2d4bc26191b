import type { BodyStream } from './call.js';
import { readForm } from './read-form.js';

/** A file on its way in. */
export interface UploadedFile {
  /** As the client calls it; `null` when it does not say. */
  readonly name: string | null;
  /** How long it will be; `null` when nobody knows. Where other parts of a form surround it, by a few bytes inexact. */
  readonly expectedBytes: number | null;
  /** Can be walked once. */
  readonly chunks: AsyncIterable<Buffer>;
  /** Other fields of the form. Those behind the file are there when the chunks have ended. */
  readonly fields: ReadonlyMap<string, string>;
}

const FORM = /^multipart\/form-data\s*;/i;

/** The body is the file itself, whatever its type is said to be, unless it is a form. */
export async function readFile(body: BodyStream, headers: Readonly<Record<string, string>>): Promise<UploadedFile> {
  const type = headers['content-type'] ?? '';
  if (FORM.test(type)) return readForm(body, type);
  return { name: null, expectedBytes: body.lengthBytes, chunks: body.chunks, fields: new Map() };
}
