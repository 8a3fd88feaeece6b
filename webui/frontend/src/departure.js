// A page that announces a departure.

import { follow } from "./compose/leaving.js";

const box = document.querySelector("#annonce[data-envoi]");

if (box) follow(box);
