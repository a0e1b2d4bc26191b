import type { Log, Meter } from '../../src/kernel/ports.js';

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
export const silentMeter: Meter = { count() {}, gauge() {}, observe() {} };
