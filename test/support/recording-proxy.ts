import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';

/** A request as it came by. */
export interface ProxiedRequest {
  readonly method: string;
  /** Decoded, without the query. */
  readonly path: string;
  /** The `Range` header, if any. */
  readonly range?: string | undefined;
}

export interface RecordingProxy {
  /** `http://127.0.0.1:<port>`. */
  readonly endpoint: string;
  readonly requests: ProxiedRequest[];
  stop(): Promise<void>;
}

/** Stands before an HTTP server and notes what is asked of it. */
export async function startRecordingProxy(target: string): Promise<RecordingProxy> {
  const requests: ProxiedRequest[] = [];
  const server = createServer((incoming, answer) => {
    const { pathname } = new URL(incoming.url!, target);
    requests.push({
      method: incoming.method!,
      path: decodeURIComponent(pathname),
      range: incoming.headers.range,
    });
    forward(incoming, answer, target);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  if (typeof address !== 'object' || !address) throw new Error('no port');
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    requests,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

function forward(incoming: IncomingMessage, answer: ServerResponse, target: string): void {
  const { method, headers, url } = incoming;
  const onward = request(new URL(url!, target), { method, headers }, (answered) => {
    answer.writeHead(answered.statusCode!, answered.headers);
    answered.pipe(answer);
  });
  onward.on('error', () => answer.destroy());
  incoming.pipe(onward);
}
