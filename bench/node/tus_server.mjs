// A tus server as the documentation of @tus/server shows it: PORT FOLDER.
import { createServer } from "node:http";
import { FileStore } from "@tus/file-store";
import { Server } from "@tus/server";

const [port, directory] = process.argv.slice(2);
const tus = new Server({ path: "/files", datastore: new FileStore({ directory }) });

createServer((request, response) => {
  if (request.url === "/") {
    response.end("<!doctype html><title>tus</title>");
  } else {
    tus.handle(request, response);
  }
}).listen(Number(port), "127.0.0.1");
