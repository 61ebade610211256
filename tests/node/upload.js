// Uploads a file by tus-js-client and prints what came of it as one line of JSON.
//
//     node upload.js '{"path": …, "endpoint": …, "chunkSize": …, "parallelUploads": …, "deferLength": …}'

import { createReadStream, readFileSync, statSync } from "node:fs";
import { PassThrough } from "node:stream";
import { Upload } from "tus-js-client";

const { path, endpoint, metadata, deferLength, ...options } = JSON.parse(process.argv[2]);
let last = null;
const started = Date.now();

// What is read as a stream can't be sent in parallel. Of a stream of a file the client knows the
// size, and then never says that it is the end (4.3.1): a stream without a path has none.
function open() {
  if (options.parallelUploads) return readFileSync(path);
  return deferLength ? createReadStream(path).pipe(new PassThrough()) : createReadStream(path);
}

const upload = new Upload(open(), {
  endpoint,
  metadata: { filename: "node.bin", ...metadata },
  uploadLengthDeferred: Boolean(deferLength),
  uploadSize: deferLength || options.parallelUploads ? undefined : statSync(path).size,
  retryDelays: Array(200).fill(20),
  chunkSize: 300000,
  ...options,
  onAfterResponse: (_request, response) => {
    last = response.getHeader("X-Short-Link") ?? last;
  },
  onError: (error) => print({ error: String(error) }),
  onSuccess: () => print({ url: upload.url, shortLink: last }),
});
upload.start();

function print(outcome) {
  console.log(JSON.stringify({ ...outcome, milliseconds: Date.now() - started }));
  process.exit(outcome.error ? 1 : 0);
}
