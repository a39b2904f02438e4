import { App } from 'aws-cdk-lib';
import { SettingsError } from '../lib/settings/settings';
import { spotreelApp } from '../lib/spotreel-app';

const app = new App();
try {
  spotreelApp(app, process.env);
} catch (error) {
  if (!(error instanceof SettingsError)) throw error;
  // A wrong setting needs no stack trace.
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
