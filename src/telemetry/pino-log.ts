import { pino, type DestinationStream } from 'pino';
import type { Log } from '../kernel/ports.js';
import { loggable } from './log-fields.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

const STDERR = 2;

/** JSON lines to stderr, so that stdout stays free for what a command answers. */
export function pinoLog(level: LogLevel, destination: DestinationStream = pino.destination({ dest: STDERR, sync: true })): Log {
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: loggable },
      // Errors are cut down by `loggable`; pino's own serialiser would put every field of them back.
      serializers: { err: (value: unknown) => value },
    },
    destination,
  );
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
  };
}
