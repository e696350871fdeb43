// The page works without this script. The script loads the parts of the page again that may have changed: when the server says so, and while
// the user types into a filter.
"use strict";
(() => {
	const filterPause = 120, refreshPause = 1000, failurePause = 5000;
	const filter = document.getElementById("filter");
	const state = document.getElementById("status");
	const pause = document.getElementById("pause");
	let version = document.body.dataset.version;
	let request = null, source = null, timer = 0, wanted = false;

	// load gets a page, and replaces the parts of this one by its parts. A newer request replaces an unfinished one.
	const load = (address, isFilter) => {
		if (request) request.abort();
		const r = request = new XMLHttpRequest();
		r.open("GET", address);
		r.responseType = "document";
		r.timeout = 20000;
		r.onload = () => {
			request = null;
			if (!r.response || new URL(r.responseURL).pathname === "/login") {
				location.reload();
				return;
			}
			show(r.response);
			if (isFilter) history.replaceState(null, "", address);
			if (wanted) refreshLater(refreshPause);
		};
		r.onerror = r.ontimeout = () => {
			request = null;
			refreshLater(failurePause);
		};
		r.send();
	};

	const show = (fresh) => {
		version = fresh.body.dataset.version || version;
		for (const old of document.querySelectorAll("[data-live]")) {
			const part = fresh.getElementById(old.id);
			if (!part) continue;
			const focused = old.contains(document.activeElement) && document.activeElement.getAttribute("href");
			const open = old.querySelector("details[open]");
			const next = document.adoptNode(part);
			old.replaceWith(next);
			if (open) next.querySelectorAll("details").forEach((d) => { d.open = true; });
			if (focused) {
				const same = Array.from(next.querySelectorAll("a")).find((a) => a.getAttribute("href") === focused);
				(same || document.getElementById("main")).focus({ preventScroll: true });
			}
		}
	};

	const refreshLater = (time) => {
		wanted = true;
		if (timer || request) return;
		timer = setTimeout(() => {
			timer = 0;
			wanted = false;
			load(location.href, false);
		}, time);
	};

	const connect = () => {
		if (source || document.hidden || pause.getAttribute("aria-pressed") === "true") return;
		source = new EventSource("/events");
		source.addEventListener("version", (e) => {
			state.textContent = "live";
			if (e.data !== version) refreshLater(refreshPause);
		});
		source.onerror = () => {
			const ended = source.readyState === EventSource.CLOSED;
			state.textContent = ended ? "not live: load the page again" : "not connected, trying again";
		};
	};
	const disconnect = () => {
		if (source) source.close();
		source = null;
	};

	if (version !== undefined) {
		pause.parentElement.hidden = false;
		pause.addEventListener("click", () => {
			const isPaused = pause.getAttribute("aria-pressed") !== "true";
			pause.setAttribute("aria-pressed", String(isPaused));
			if (isPaused) {
				disconnect();
				state.textContent = "paused";
			} else {
				connect();
			}
		});
		// A hidden page needs no stream, and the server has only so many.
		document.addEventListener("visibilitychange", () => { document.hidden ? disconnect() : connect(); });
		connect();
	}

	if (filter) {
		let typing = 0;
		const apply = () => {
			const values = new URLSearchParams();
			for (const [name, value] of new FormData(filter)) if (value) values.append(name, value);
			const query = values.toString();
			load(filter.getAttribute("action") + (query ? "?" + query : ""), location.pathname === filter.getAttribute("action"));
		};
		if (location.pathname === filter.getAttribute("action")) {
			filter.addEventListener("input", () => {
				clearTimeout(typing);
				typing = setTimeout(apply, filterPause);
			});
			filter.addEventListener("submit", (e) => {
				e.preventDefault();
				clearTimeout(typing);
				apply();
			});
		}
	}
})();
