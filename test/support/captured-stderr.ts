import fs from 'node:fs';

const STDERR = 2;

/** Keeps what this process writes to its standard error, where the logs of nodes in it go. Call `stop`. */
export function captureStderr(): { readonly text: () => string; readonly stop: () => void } {
  const written: string[] = [];
  const real = fs.writeSync;
  const take = (data: unknown): number => {
    const text = typeof data === 'string' ? data : Buffer.isBuffer(data) ? data.toString() : '';
    written.push(text);
    return Buffer.byteLength(text);
  };
  // The destination of the log writes through this very property.
  Object.assign(fs, { writeSync: (fd: number, ...rest: readonly unknown[]): unknown => (fd === STDERR ? take(rest[0]) : Reflect.apply(real, fs, [fd, ...rest])) });
  return {
    text: () => written.join(''),
    stop: () => {
      Object.assign(fs, { writeSync: real });
    },
  };
}
