"""Office files in the formats of before 2007: two that LibreOffice wrote, packed, and RTF by hand."""

import base64
import zlib

WORDS = "Conseil de classe de la 4e B"


def rtf(text: str = WORDS) -> bytes:
    """A document of one paragraph."""
    return b"{\\rtf1\\ansi\\deff0{\\fonttbl{\\f0 Liberation Serif;}}\\f0\\fs24 " + text.encode("ascii") + b"\\par}"


def fodp(text: str = WORDS) -> str:
    """A presentation of one slide that LibreOffice reads, and writes in the old format."""
    names = " ".join(
        f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for short, name in (("office", "office"), ("draw", "drawing"), ("text", "text"), ("svg", "svg-compatible"))
    )
    box = '<draw:frame svg:width="20cm" svg:height="3cm" svg:x="1cm" svg:y="1cm"><draw:text-box>'
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<office:document {names} office:version="1.2" '
        'office:mimetype="application/vnd.oasis.opendocument.presentation"><office:body><office:presentation>'
        f'<draw:page draw:name="p1">{box}<text:p>{text}</text:p></draw:text-box></draw:frame></draw:page>'
        "</office:presentation></office:body></office:document>"
    )


def _unpacked(text: str) -> bytes:
    return zlib.decompress(base64.b64decode("".join(text.split())))


DOC = _unpacked("""
eNrtmU9QW0Ucx3/78scEaQgBsVKUNI2ANIUAbYUWLARK01QINAh11DqBgA2SBAmMOOPBGccZD9qh48GLM1YHTzod1FtnHD15c+TSQ8cLetIZD9Xx
wqHE7+7bB2mg5SUwTsH3Yz7svn3Z/e3b/e3v/Xbf8s+lK599Xfkr5chpMtFaxk7WrDIGSrQLJ5Eiy9YymYxWnDFkT8ldmfI5NGP+LIDP+SPABuyg
CDwKisEB4JBz7pSpIXtXLlIKf7PkprOURDpDb1E+UgGLyW5PT501nb/TK4b+wvVr/jvf9V+ivgKoFLhAGSgHjwmbIHocHARPgEpwSOp5EulTMu9G
ehh4wBHgBU+DGlAL6sAzoB4cBT5wDDSARuAHTaAZtIDj4AQ4CZ4FraANnBLvM6J20AGeA2dAJ+gCAdANesBZ0AvOgSA4D0LgAnge9IF+EAYDYBBc
BBEwBF4Aw2BEPuOLD7mPZOidqUi1IatdETbxg2oavXz++uJjM6l0amLWPZKaiR3rSb0+lxhPzgqb6Ivwsp7UmLAEnm/Ahbjf0Er/tH3zxva2yNQw
omBxweqK0MpLG5EJXYZp/pVReApb7od/m6EERWlK2nGTl+q9rMvLrSZQT+GQiQZBd+ggJYJ2cxpcCCo0ELJQMmi2zYLLyEdx/9Vgm/mB/emltWpG
CusVayhI49Abozh862ti9ZRQ2eIdKl+cJ6uXYYWEQ1Yot0J5lVCoKqqCLQecvJ3jYg0G8AwxeGY3bGyc5uGn+epzkitWzhhaxNpb/ABlVdToZMzF
qpA3w17jlBa/VcQ6bScP2vSwdtG3MfRsGnfjaDsp+uZCS/Oib8Xom0MMyEkb48/9io15xJM1M4/wEudRJyb6wq/KRA1VfEK3cBLCqrgbGbapnoXn
L9loPar0yVRxZhUMqJ5HuKBzFQtMjxkM4TES6E4aQ9SP9E2k/NXGp50/3Am0o8fOIhjkBI2iJjeWlhp92rtgYHFpYF3QpKdSD3o5iTrDNIe+RnDF
25jAnThvoXT7Fvj0jop60fVpvLel7UbljLWwvvLaaV6/Zmf1AzAUZvsQfmYZk3OFbeEc5CuoXlwpwrTeXVA2lWpzW2sit8iYyZCduFX/7reZs/4w
T2Y9s5R3T97J58drGc2ENpveynuf/r0avuL88pqNjtZ+e5v35G0ZHzEZX9hlHFEk4wP+frkkY6WYjJem5cP/cVeNfRT5VJ1Z+vTkt5I/v2Csz23H
QN5xfZ89YNLTwotHU1PRZOsWw2g3V1CHY+Pat22cWSK8OJN5a1Y+V94X/6/KJX1Vh5fgvynPY+Y+Z+oo35CpJr/g+je2c3O9WWAb35mIRrMM6kem
RsWG7E+5mWN//5UodNsYfEMM+V9Ltwj70wiw49h+uMWezI293RSC7LQo18p4iRv7Sp4PIC7hQfkc9m9x+l1sEvgv4tilJpE/YAzsXhHEeK1yh726
agzH/pdifiwTDplpECh8/k/JWP+e6TdsYZ8Kdl0mL0W9xA8wldPU7qfOAaLAgELVS8uN7qWVjsNL1y0ecGThusULmnG/aSFGfr4TpRZc1TWTw/+g
/a84VLn1061PGg45P/oY+1/f6g1+Pm7JKXuZ1HN+JnFm7XXvV27IwyO7+f2Pz3PuN4St6pj4IU2Fds7SLQ4kpylMozSZd/9dsCr1WFCeNuuUyfVz
njDinvGCx68I2rleUx76eX+1k44mGkJcNlpwHxxSfz7f/3hfq+URvIUiiAIT4kiYzz0/159Y/2Ky8XXgflIH/do3Q736+deJr2R+ROiKIRpNIWqd
E5FoUnyz0CeVBTx/NdDOvSybNOc3Hq0F6Ofng7O7uIZ38v33X/zl3U0=
""")
"""WORDS, and another line."""

XLS = _unpacked("""
eNrtV19oW2UUP/cmzW7SrrntGv90W40dZt2ayro9WKmzXds5B9tatjmnDDTNbmratBlZCgr+yTrnkwNlD74MZNAXUdxE0AcF2zdBRREG06fOt6EP
d6LIYG38nXO/28TYQJKJouaE853vnnvPd06+8+c73zdftyxd+qD9OpVAP3loJe8nXxFPAxrug0mkK95KPp932fk6/KtgWVH2oRf+awCyz9cpv/oV
rcN/Ew5TGr8shWkvzYBm6AWqBu5CxBSvV4nMSoXfVQp1/bXr5/rNddwDLM1/rvWc/wFgI7AJuB7YDAw6RwC1AFuBG4BtwJDEBNHdwHuA9wLbgRuV
3s2KMoYxv189b6nXmX8E/Aa86GugT9Z/yS4X319HRFzxLkpc/AA8Qac4NoZjqXj474IhsSGmsQ0LCNLdmGl0EdxmuizcT2XcLdEHGKRwn4ro4/qg
2H5exk4Zm4nlPxaZ74XTSxH6nLPnlTdUEjRqI2TRJMXoGM2iIh7BbIZO48v24i85S7Q9qJRJvE/d0dsObxPNc67ts2asTCy1JDk0T79KbriwEGY+
iwv/l8r4epV8+t/x57F3a+1zt/O9XcrfVoYfLcPfXobv/xP/go78ylGeqZnzCG3J+YS25rxCN+TWCW3LNeSflTg+h5Ve8zoxn30dKarht6gZQKKj
5zX6kZ7mQm0fFjU+mwsyZ7LbuBfjLmq0OZU+Q9k36IyGwm8saIMYB6njpumUfgNHgIHSbvyG6n+bNslKunNUHEpP9x9KZy1UkANWrL93Zx4Hh0H7
vM7BETdCwMJmhxTV+XRxqpD5hyrUhIVPwnzO2xZRYmK52+/c/Pbg+NjAM8LPFe4j9IDubMUZvFn0bheJbhnn5Ns26uBTKDIc6RyxJmPHZsNHrEwy
ER1Kp6c6I707I3tCtIXjoewXY7EJKxwZOyuLvipjBAbsErgxsLVo3oX52Z5rcz3X7IFtRfNLKEd+/C1NfnMU1aKaK+NSjZ7A2ga9JPtGlPQHhfIz
Sz2lF55hgxYKBNVWNjtkdTR00z3kneKjBYWn6t0qb1mOeOdQJ3nS5InHl/WAaA3Ksf4TjbFL7Mcdd9iGih6OqiB57B0i57W7hO+3zTXaD50CIscy
3G48qrfSRz6nhhM9gt1h2MzrFXoUhgmE3oRRvJDmtjyBWnsnDV2HJ+D0UKbhbN2C8+ox7lkOJuOZ9Ol0Ihve+3zcSoUffqjnaGzcSqUsCdKhZCLR
dye9m+b6q0ZYyfMa+lrr0tK5t3++Nfqc+e6bBnVv/fA7ds6LKrv4fZ/q7wbVBh5Qfd5x1eudVP3eKRVON5YJOeTMdyg5FyqZV2O/FJarX129+OBG
88JbsD966/0RPj1LeCdUn+mWMbPI1nL8OhTgr7z/yT6X5NBaMpLWfmf+JLRnaIrGxY6pqu1vhVd1dXfJV3Gv+sLn5skw9E4jxkdhw2RN+j1Fd7BK
ZDYB96/m6Sj6QKtm/wWgv9r7X4e6q0k3ii53Fv9/Gv0o+34/oiAhPmFOFn1qGpzy0KX0N1Sx//cB31vVPwINcbHBkgiszp6+Gv5/JzBbv/8L/A5s
Vx69
""")
"""A sheet with "Nom;Note" and "Lea;12 5"."""

XLS_UNSHOWN = _unpacked("""
eNrtWE1MXFUUPvfNY3hDKfOAopVWfFYpv20GURiiFQptbRMNptafNBih+CjYKYMUk3ZhnFrZmDZqurCLJqYJC42JPzHRhSbCrguNbrrQaEIbTTR1MRqNaRSe
3znvzvCKYJihNbHOId+9d867v+ece865fPlF+ey596sv0iK6l0I070UoHOApIJL5YRMZmjfveV6G7RXoP0VzumYdmtBfEcA6LwYsrdsSXRfoxqO9lMTfBDm0
k0ZRj9MxyoVugsUE51vJmPkV9lspFdbPf3323+zHQ8BS95/9Pd//NUApsBYoA6J+CKByoAKoBNYBVWITRDcD64FbgGpgA7ARuBWoAW4DHL2XTbpm1KK9GajT
vAbUjQX/c90oYkGL4SL6eO1nrHLR/UVYxHvmjNjFJaCPxtg2egYSg86/Rd2yhwHFe5iGkW5TJmzVoLNAGb0r/E+k3Cb2B+oiJ65t+gmjS3Z/SspNUpahVPSR
jPlaOC2wxG/Ezl+Va6CoWPXQACVohA7AE46gRzWd5xv2gvTg+6G2yxfutZqvNWYpTfEte8AddccHErNye6boN88J3NRph/k8XPi/roxv5Min/x1/CrJbSs5N
fv/0Yn7DMvzmZfiNy/Ajf+OfNnCzUuRxbadCUpenwlJXpEypK1PFUq9LFXn9Yr+T8MNvmWJT9Miw605MYupnw2z6irpPkimNGWUBRPtOKboMi4bPTu+XdcNp
Ob3l+32DFnJ5FWi30po0361P0dGi4wqxwJpWXSi7qOZn248GFqKCBW9v/Y6A8CckkpnldqJde9vbnNZYLOa0cRFrabnLab37njanPd4Rc1riHR5ii0X7TT+2
DFpVwIJWqnRtcADyHZV9laMqxVafxrH4YpfLtm1Mt6Vn4+VLbdWdTwk/RQsz1rKwqVkdx5cZs1FGNEn5ovTNBLATwntJys3Z8T901gXa9dl2urMh0D4HdxPB
rnxdGFitWa0vDZ+Y6Z/tzNSKHsUXi56XY3PkjUrFvyE69bIV1ScvywZpv7QMW7ebNTNKId0rSv1P/lH2XeT77p/oYZZKercvkbSVmcPkXqF0THqb6XrhR9L2
EkmCQSUyjsdwUnC/UUEfhn0/S3SfnJDDeVRMKLtJooOwhoNWcCKVSUxucD3mqLc5kYefShEFdeYEdWbloTMroDNavc7+gRQys1CJn4PaluF7Nf/TLs75HhoZ
HE8eSQ5NODuPDroJp6N9y76BA24i4Yrmu0eGhuKryX2V767ypnmPRL1LzEuzk2/8cqV32H77NYua6j74ilVwRufGSguVDXG3zpP7tLiGdb48oXPmlM6bT2rf
+uOcnwPzmOSYOzp27GiCdF7M32N67gwtbqcqQ2deSX2rgu1rfX6JCRc+v3B26wb79Os4f/OVd3ZwvFnE69N5fsbr24EzPqjfFaRzff4e19+7ArGGZbV9bOwx
d/zISHL0ahmxfFu3tlCBrg9dy/e/6H+RD1hqDNvEtPYrj2P1cTqE7IT3cSjn/VfAWgxtJ14O7+paK3PPe7DuYbxwerGHZ/JaPxR4g69kDDIj2pP1M714Dbh5
668E6+f6/r9Dv9V1/kjP4fyH8Sph3e+BFQyJTpgzgddKEpzlqV6vX5SD/O8EzmfX34EVBmUPrlhgbvuJ53F+DqFvFv7/I/QXrwghMQ==
""")
"""A NIR in a column that is too narrow for it, and an IBAN in a sheet that is hidden."""
