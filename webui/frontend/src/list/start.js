// What the list becomes with htmx.

import "./acting.js";
import "./arrival.js";
import "./dragging.js";
import "./keys.js";
import "./pane.js";
import "./splitter.js";
import { announce, dress } from "./place.js";

dress();
announce();
