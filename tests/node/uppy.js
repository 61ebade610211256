// Uppy as a page of ours would use it; bundled by the tests into one script.
import Uppy from "@uppy/core";
import Tus from "@uppy/tus";

window.startUppy = ({ endpoint, chunkSize, files }) => {
  const uppy = new Uppy({ autoProceed: false });
  uppy.use(Tus, { endpoint, chunkSize, retryDelays: Array(200).fill(20), limit: 3 });
  for (const { name, size, seed, meta } of files) {
    // The same bytes as the test's `pattern`.
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size; at += 1) bytes[at] = (at * 31 + (at >> 8) * 17 + seed) & 255;
    uppy.addFile({ name, type: "application/octet-stream", data: new Blob([bytes]), meta });
  }
  return uppy.upload().then(({ successful, failed }) => ({
    successful: successful.map((file) => file.uploadURL ?? file.tus?.uploadUrl),
    failed: failed.map((file) => String(file.error)),
  }));
};
