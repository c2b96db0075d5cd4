// Keeps the page for times without a network, and makes it cross-origin isolated, which a static host's headers seldom
// do: only then wasm has threads. `pixcycle export --web` fills in the two constants.
const VERSION = "%VERSION%";
const SHELL = "%SHELL%".split(" ");

const PREFIX = `pixcycle ${self.registration.scope} `;
const CACHE = PREFIX + VERSION;
const START = new URL("./", self.registration.scope).href;

self.addEventListener("install", (event) => {
  const requests = SHELL.map((file) => new Request(file, { cache: "reload" }));
  event.waitUntil(
    caches
      .open(CACHE)
      .then((cache) => cache.addAll(requests))
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener("activate", (event) => {
  const isOld = (name) => name.startsWith(PREFIX) && name !== CACHE;
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter(isOld).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method === "GET" && request.url.startsWith(START)) event.respondWith(answer(event));
});

/** From the cache; else from the network, and kept: the model and the wasm file come when they are first needed. */
async function answer(event) {
  const { request } = event;
  const cache = await caches.open(CACHE);
  const url = request.url.split(/[?#]/)[0];
  const key = url === START ? `${START}index.html` : url;
  const kept = await cache.match(key);
  if (kept) return isolated(kept);
  const response = await fetch(request);
  if (response.status === 200) event.waitUntil(cache.put(key, response.clone()));
  return isolated(response);
}

function isolated(response) {
  if (response.type === "opaque" || response.status === 304) return response;
  const headers = new Headers(response.headers);
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  const { body, status, statusText } = response;
  return new Response(status === 204 ? null : body, { status, statusText, headers });
}
