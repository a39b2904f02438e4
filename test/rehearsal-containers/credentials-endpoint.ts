import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { Credentials } from '../rehearsal/aws-emulator';

/** A fake of the ECS agent, which gives a container the credentials of its job's role. */
export interface CredentialsEndpoint {
  /** The environment with which a container finds it. */
  readonly environment: Readonly<Record<string, string>>;
  readonly url: string;
  /** How often it was asked for credentials. */
  readonly asked: () => number;
  stop(): Promise<void>;
}

/**
 * Starts it. ECS's own answers at 169.254.170.2, an address that this machine does not have; the SDK takes one on the
 * loopback as well: https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
 */
export async function startCredentialsEndpoint(credentials: Credentials): Promise<CredentialsEndpoint> {
  const path = `/v2/credentials/${randomUUID()}`;
  let asked = 0;
  const server = createServer((request, answer) => {
    if (request.url !== path) {
      answer.writeHead(404).end();
      return;
    }
    asked += 1;
    answer.writeHead(200, { 'content-type': 'application/json' }).end(
      JSON.stringify({
        AccessKeyId: credentials.accessKeyId,
        SecretAccessKey: credentials.secretAccessKey,
        Token: credentials.sessionToken,
        Expiration: new Date(Date.now() + 6 * 60 * 60 * 1000).toISOString(),
      }),
    );
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  if (typeof address !== 'object' || !address) throw new Error('no port');
  const url = `http://127.0.0.1:${address.port}${path}`;
  return {
    environment: { AWS_CONTAINER_CREDENTIALS_FULL_URI: url },
    url,
    asked: () => asked,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}
