// What the list becomes with its script.

import "./acting.js";
import "./arrival.js";
import "./dragging.js";
import "./hand.js";
import "./keys.js";
import { reopen } from "./pane.js";
import "./splitter.js";
import "./swiping.js";
import { announce, dress } from "./place.js";

dress();
announce();
reopen();
