/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  // `npm run rehearse` and `npm run rehearse:containers` run these.
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/test/rehearsal'],
  transform: { '^.+\\.ts$': ['@swc/jest', { jsc: { target: 'es2022', parser: { syntax: 'typescript' } } }] },
  // Two at a time: a test that renders wants a core to itself.
  maxWorkers: 2,
  testTimeout: 30_000,
};
