/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  // `npm run rehearse` and `npm run rehearse:containers` run these.
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/test/rehearsal'],
  transform: { '^.+\\.ts$': ['@swc/jest', { jsc: { target: 'es2022', parser: { syntax: 'typescript' } } }] },
  globalSetup: '<rootDir>/test/support/moto-folder.ts',
  // On two cores, as half of the time of most tests is waiting.
  maxWorkers: 4,
  workerIdleMemoryLimit: '1GB',
  // Against hangs alone: other tests and the rest of the gate run meanwhile.
  testTimeout: 120_000,
  testSequencer: '<rootDir>/scripts/jest-sequencer.mjs',
  reporters: ['default', '<rootDir>/scripts/jest-slowest.mjs'],
};
