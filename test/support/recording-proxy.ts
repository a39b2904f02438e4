import { request, type IncomingMessage, type ServerResponse } from 'node:http';
import { startHttpServer, type HttpServer } from './http-server';

/** A recorded request. */
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

/** A proxy before an HTTP server that records requests. It awaits `before` and then passes each request to the server. */
export async function startRecordingProxy(
  target: string,
  before: (request: ProxiedRequest) => Promise<unknown> = async () => undefined,
): Promise<RecordingProxy> {
  const requests: ProxiedRequest[] = [];
  const server = await startHttpServer((incoming, answer) => {
    const { pathname } = new URL(incoming.url!, target);
    const noted: ProxiedRequest = {
      method: incoming.method!,
      path: decodeURIComponent(pathname),
      range: incoming.headers.range,
    };
    requests.push(noted);
    before(noted).then(
      () => forward(incoming, answer, target),
      () => answer.destroy(),
    );
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
