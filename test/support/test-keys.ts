/** Only for tests: 32 known bytes. */
export const MASTER_KEY_FOR_TESTS = Buffer.alloc(32, 'test-only master key').toString('base64');
