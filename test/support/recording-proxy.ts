import { request, type IncomingMessage, type ServerResponse } from 'node:http';
import { startHttpServer, type HttpServer } from './http-server';

/** A request as it came by. */
export interface ProxiedRequest {
  readonly method: string;
  /** Decoded, without the query. */
  readonly path: string;
  /** The `Range` header, if any. */
  readonly range?: string | undefined;
}

export interface RecordingProxy extends HttpServer {
  readonly requests: ProxiedRequest[];
}

/** Stands before an HTTP server and notes what is asked of it. */
export async function startRecordingProxy(target: string): Promise<RecordingProxy> {
  const requests: ProxiedRequest[] = [];
  const server = await startHttpServer((incoming, answer) => {
    const { pathname } = new URL(incoming.url!, target);
    requests.push({
      method: incoming.method!,
      path: decodeURIComponent(pathname),
      range: incoming.headers.range,
    });
    forward(incoming, answer, target);
  });
  return { ...server, requests };
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
