const TRIED = "pixcycle isolated";

/**
 * Starts the service worker, which keeps the page for later and makes it cross-origin isolated. Pages become so when they
 * are loaded, so the first visit loads it a second time; this never returns then.
 */
export async function prepareOffline(): Promise<void> {
  // Not on plain http elsewhere than on this machine, nor in some private windows: then without.
  const workers = navigator.serviceWorker;
  if (!workers) return;
  try {
    await workers.register("./sw.js");
    await Promise.race([controlled(workers), new Promise((resolve) => setTimeout(resolve, 5000))]);
  } catch {
    return;
  }
  if (crossOriginIsolated || !workers.controller || sessionStorage.getItem(TRIED) !== null) return;
  sessionStorage.setItem(TRIED, "yes");
  location.reload();
  await new Promise(() => undefined);
}

function controlled(workers: ServiceWorkerContainer): Promise<void> {
  if (workers.controller) return Promise.resolve();
  return new Promise((resolve) =>
    workers.addEventListener("controllerchange", () => resolve(), { once: true }),
  );
}
