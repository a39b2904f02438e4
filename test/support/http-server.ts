import { createServer, type RequestListener } from 'node:http';

/** An HTTP server of a test's own. */
export interface HttpServer {
  /** `http://127.0.0.1:<port>`. */
  readonly endpoint: string;
  /** Ends every connection. */
  stop(): Promise<void>;
}

/** Listens on a free port. */
export async function startHttpServer(listener: RequestListener): Promise<HttpServer> {
  const server = createServer(listener);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  if (typeof address !== 'object' || !address) throw new Error('no port');
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}
