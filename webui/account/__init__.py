"""Who somebody is, and how they come in: the portal, first connection, passwords, and the pages under `/compte`.

* `portal` and `entrance`: which interface, a session is opened; `secondstep` asks for the code. A session that ends
  while somebody writes is renewed in place (`renewing`) or its text waits for its author (`parking`).
* `activation`, `welcome`: first connection. `recovery`: a forgotten password or identifier. `password`: choosing one,
  by rules that are shown while one types; `private`: the recovery address.
* `security`, `factor`, `devices`: sessions (`agents`: a browser in words), second factor, app passwords; `takingaway`:
  everything as one file. `preferences`: settings by section. `clients`: what other programs are told.
"""
