const base = require('../../jest.config.js');

/** `npm run rehearse:containers`: the image, and the farm with its jobs as real containers, a test after another.
 * @type {import('jest').Config} */
module.exports = {
  ...base,
  rootDir: '../..',
  roots: ['<rootDir>/test/rehearsal-containers'],
  testPathIgnorePatterns: [],
  maxWorkers: 1,
};
