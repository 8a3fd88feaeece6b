// The list of messages: choosing, acting, opening in the pane, dragging, keys. Everything is a form or a link first.

import "./list/acting.js";
import "./list/arrival.js";
import "./list/dragging.js";
import "./list/keys.js";
import "./list/pane.js";
import "./list/splitter.js";
import { announce, dress } from "./list/place.js";

dress();
announce();
