import { expect } from 'chai';
import { ERRORS, type ErrorCode } from '../../src/kernel/errors.js';
import type { Answer } from './gateway.js';

/** The answer is this refusal: its code, and the status that goes with it. */
export function expectRefusal({ status, body }: Answer, code: ErrorCode): void {
  expect({ status, code: body.error?.code }).to.deep.equal({ status: ERRORS[code].status, code });
}
