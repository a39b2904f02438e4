import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPythonServer } from '../support/server-process';

export const ACCOUNT = '111122223333';
export const REGION = 'eu-central-1';

/** A job that is terminated for this reason has succeeded, as the emulator runs no jobs. See emulator.py. */
export const JOB_IS_DONE = 'rehearsal: done';

/** A reason that begins so terminates nothing: its JSON is the new description of the job or child. */
export const JOB_TOLD = 'rehearsal: report ';

/** Keys of the emulator's root user, who deploys. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

const ROOT_USER: Credentials = { accessKeyId: 'test', secretAccessKey: 'test' };

/** AWS as far as the rehearsal goes (see emulator.py), on this machine. */
export interface AwsEmulator {
  readonly endpoint: string;
  /** The file with its TLS certificate. */
  readonly certificate: string;
  /** Settings of an SDK client, for the root user or another one. */
  clientConfig(credentials?: Credentials): {
    readonly endpoint: string;
    readonly region: string;
    readonly credentials: Credentials;
    readonly requestHandler: { readonly httpsAgent: Agent };
  };
  /** Environment variables for a program, without this process's own AWS settings. */
  environment(credentials?: Credentials): Record<string, string>;
  /** The end of its output and that of its Lambdas. */
  log(): string;
  stop(): Promise<void>;
}

/** Starts it, with TLS, which the bucket's policy asks for. `enforceIam`: every call is checked against the policies. */
export async function startAwsEmulator(enforceIam: boolean): Promise<AwsEmulator> {
  const folder = mkdtempSync(join(tmpdir(), 'spotreel-aws-'));
  const server = await startPythonServer((port) => ({
    args: [join(__dirname, 'emulator.py')],
    environment: {
      // Its Lambdas inherit its environment, so that is minimal.
      PATH: process.env.PATH,
      HOME: folder,
      TMPDIR: folder,
      BIND_HOST: '127.0.0.1',
      GATEWAY_PORT: String(port),
      USE_SSL: '1',
      AUTH: String(enforceIam),
      MINISTACK_ACCOUNT_ID: ACCOUNT,
      MINISTACK_REGION: REGION,
    },
  }));
  const endpoint = `https://127.0.0.1:${server.port}`;
  const certificate = join(folder, 'ministack-tls/server.crt');
  const agent = new Agent({ ca: readFileSync(certificate), keepAlive: true });
  return {
    endpoint,
    certificate,
    clientConfig: (credentials = ROOT_USER) => ({
      endpoint,
      region: REGION,
      credentials,
      requestHandler: { httpsAgent: agent },
    }),
    environment: ({ accessKeyId, secretAccessKey, sessionToken } = ROOT_USER) => ({
      PATH: process.env.PATH ?? '',
      HOME: folder,
      TMPDIR: folder,
      AWS_ENDPOINT_URL: endpoint,
      AWS_REGION: REGION,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      ...(sessionToken !== undefined && { AWS_SESSION_TOKEN: sessionToken }),
      AWS_CA_BUNDLE: certificate,
      NODE_EXTRA_CA_CERTS: certificate,
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
    }),
    log: server.log,
    stop: async () => {
      agent.destroy();
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
