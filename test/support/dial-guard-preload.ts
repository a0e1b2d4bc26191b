// `node --import tsx --import <this file> …`: strays of a node in a process of its own go to the file that the test named.
import { appendFileSync } from 'node:fs';
import { guardDials } from './dial-guard.js';

const file = process.env['SCAIWAVE_TEST_STRAY_DIALS'];
if (file !== undefined) guardDials(({ what, stack }) => appendFileSync(file, `${what}\n${stack}\n\n`));
