import type { IncomingMessage, ServerResponse } from 'node:http';
import { startHttpServer, type HttpServer } from './http-server';

/** Most objects in one answer, as S3 has it. */
const PAGE = 1000;

/**
 * A minimal fake of S3, for tests in which an emulator would take minutes. It lists and gives `objects` in the order of their
 * keys and can do nothing else. Keys hold letters, digits, `.`, `-` and `/`.
 */
export async function startReadingS3(
  objects: ReadonlyMap<string, string>,
  onRequest: (key: string) => void = () => undefined,
): Promise<HttpServer> {
  let sorted: readonly string[] = [];
  const keys = (): readonly string[] => {
    if (sorted.length !== objects.size) sorted = [...objects.keys()].toSorted();
    return sorted;
  };
  return startHttpServer((incoming, response) => {
    const url = new URL(incoming.url!, 'http://s3');
    const [, , ...path] = url.pathname.split('/');
    const key = decodeURIComponent(path.join('/'));
    onRequest(key);
    if (url.searchParams.has('list-type')) answerList(url.searchParams, keys(), objects, response);
    else answerObject(incoming, objects.get(key), response);
  });
}

function answerObject(incoming: IncomingMessage, body: string | undefined, response: ServerResponse): void {
  if (body === undefined) {
    response.writeHead(404, { 'content-type': 'application/xml' });
    response.end(incoming.method === 'HEAD' ? '' : '<Error><Code>NoSuchKey</Code></Error>');
    return;
  }
  response.writeHead(200, {
    etag: etagOf(body),
    'last-modified': new Date(0).toUTCString(),
    'content-length': Buffer.byteLength(body),
  });
  response.end(incoming.method === 'HEAD' ? '' : body);
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html */
function answerList(
  query: URLSearchParams,
  keys: readonly string[],
  objects: ReadonlyMap<string, string>,
  response: ServerResponse,
): void {
  const [prefix, after] = [query.get('prefix') ?? '', query.get('continuation-token') ?? ''];
  const found = keys.filter((key) => key.startsWith(prefix) && key > after);
  const page = found.slice(0, PAGE);
  const contents = page.map((key) => {
    const body = objects.get(key)!;
    return `<Contents><Key>${key}</Key><Size>${Buffer.byteLength(body)}</Size><ETag>${etagOf(body)}</ETag><LastModified>${new Date(0).toISOString()}</LastModified></Contents>`;
  });
  const isTruncated = found.length > page.length;
  const next = isTruncated ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : '';
  response.writeHead(200, { 'content-type': 'application/xml' });
  response.end(
    `<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>${isTruncated}</IsTruncated>${next}${contents.join('')}</ListBucketResult>`,
  );
}

/** Objects do not change, and hashing them would be slow. */
const etagOf = (body: string): string => `"${body.length}"`;
