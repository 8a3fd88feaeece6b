"""Office files as HTML, so that they can be looked at without being saved or opened.

Their formats are archives of XML, and whoever wrote one may be hostile: a file is read by a process of its own with
bounds on memory, processor time and output (`child`), which is ended when it takes too long (`service`). What comes
back is hostile HTML; pages give it to their sanitiser.

What has no reader of ours (.doc, .xls, .ppt, .rtf) becomes PDF, or a format that we read, where operators have
LibreOffice (`office_program`), which runs confined to a folder of its own (`confined`, `confinement`).

`archives` opens the containers within bounds, `documents`, `sheets` and `slides` read Microsoft's formats,
`opendocument` those of LibreOffice. `markup` writes what they find. What a letter gives away is looked for in all that
a document says (`unshown`), in PDF (`portable`) and in zip files (`zipped`), too.
"""
