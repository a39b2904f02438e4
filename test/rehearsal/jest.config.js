const base = require('../../jest.config.js');

/** `npm run rehearse`: the farm against an emulator of AWS, a test after another.
 * @type {import('jest').Config} */
module.exports = {
  ...base,
  rootDir: '../..',
  roots: ['<rootDir>/test/rehearsal'],
  testPathIgnorePatterns: [],
  maxWorkers: 1,
};
